/**
 * What a rule's predicate may call, by DuckDB's names: functions of their arguments alone, which read nothing else,
 * give the same result each time and on each machine, and cannot blow a short text up. Operators have names too:
 * `~~` is LIKE, `~~*` ILIKE.
 */
export const SAFE_FUNCTIONS: ReadonlySet<string> = new Set([
  ...['+', '-', '*', '/', '//', '%', '**', '^', '||', '&', '|', '<<', '>>'],
  ...[
    '~~',
    '!~~',
    '~~*',
    '!~~*',
    '~~~',
    'like_escape',
    'ilike_escape',
    'not_like_escape',
    'not_ilike_escape',
  ],
  ...['regexp_matches', 'regexp_full_match', 'regexp_extract', 'regexp_extract_all', 'regexp_replace'],
  ...['lower', 'upper', 'lcase', 'ucase', 'length', 'len', 'strlen', 'char_length', 'character_length'],
  ...['length_grapheme', 'octet_length', 'trim', 'ltrim', 'rtrim', 'substring', 'substr', 'left', 'right'],
  ...['contains', 'prefix', 'suffix', 'starts_with', 'ends_with', 'strpos', 'instr', 'position', 'replace'],
  ...['translate', 'reverse', 'split_part', 'string_split', 'str_split', 'split', 'string_split_regex'],
  ...['concat', 'concat_ws', 'strip_accents', 'nfc_normalize', 'ascii', 'unicode', 'ord', 'levenshtein'],
  ...['editdist3', 'damerau_levenshtein', 'hamming', 'jaccard', 'jaro_similarity', 'jaro_winkler_similarity'],
  ...['md5', 'sha1', 'sha256', 'abs', 'sign', 'ceil', 'ceiling', 'floor', 'round', 'trunc', 'sqrt', 'ln'],
  ...['log', 'log2', 'log10', 'exp', 'pow', 'power', 'greatest', 'least', 'isnan', 'isinf', 'isfinite'],
  ...['mod', 'divide', 'multiply', 'add', 'subtract', 'nullif', 'ifnull', 'if'],
  ...['->', '->>', 'json_extract', 'json_extract_string', 'json_extract_path', 'json_extract_path_text'],
  ...[
    'json_value',
    'json_exists',
    'json_contains',
    'json_array_length',
    'json_type',
    'json_valid',
    'json_keys',
  ],
  ...[
    'list_value',
    'list_contains',
    'list_has',
    'array_contains',
    'array_has',
    'list_has_any',
    'list_has_all',
  ],
  ...['list_extract', 'list_element', 'array_extract', 'array_length', 'list_position', 'list_unique'],
  ...['list_min', 'list_max', 'list_sum', 'list_avg', 'year', 'month', 'day', 'dayofweek', 'date_part'],
]);

/** Types that a predicate may cast to. Times with a zone depend on the machine's. */
export const SAFE_TYPES: ReadonlySet<string> = new Set([
  ...['BOOLEAN', 'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UTINYINT', 'USMALLINT', 'UINTEGER'],
  ...['UBIGINT', 'FLOAT', 'DOUBLE', 'DECIMAL', 'VARCHAR', 'DATE', 'TIMESTAMP', 'TIME', 'JSON'],
]);
