import type { Both } from './words.ts';

/** What `guessLanguage` gives, in words. */
const LANGUAGES: Readonly<Record<string, Both>> = {
  en: { en: 'English', ja: '英語' },
  ja: { en: 'Japanese', ja: '日本語' },
  zh: { en: 'Chinese', ja: '中国語' },
  ko: { en: 'Korean', ja: '韓国語' },
  de: { en: 'German', ja: 'ドイツ語' },
  fr: { en: 'French', ja: 'フランス語' },
  es: { en: 'Spanish', ja: 'スペイン語' },
  it: { en: 'Italian', ja: 'イタリア語' },
  pt: { en: 'Portuguese', ja: 'ポルトガル語' },
  nl: { en: 'Dutch', ja: 'オランダ語' },
  el: { en: 'Greek', ja: 'ギリシャ語' },
  he: { en: 'Hebrew', ja: 'ヘブライ語' },
  th: { en: 'Thai', ja: 'タイ語' },
  Latin: { en: 'Latin letters, not told', ja: 'ラテン文字（判別不可）' },
  Cyrillic: { en: 'Cyrillic letters', ja: 'キリル文字' },
  Arabic: { en: 'Arabic letters', ja: 'アラビア文字' },
  Devanagari: { en: 'Devanagari', ja: 'デーヴァナーガリー文字' },
  none: { en: 'no letters', ja: '文字なし' },
};

export function languageName(name: string): Both {
  return LANGUAGES[name] ?? { en: name, ja: name };
}
