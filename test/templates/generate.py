"""What transformers' apply_chat_template renders: the golden file of test/templates.test.ts.

    python generate.py OUT [FOLDER]

OUT: the JSON file to write. FOLDER: chat templates that may not be copied into the project; of what they render only
the length in bytes (UTF-8) and the first 16 digits of the SHA-256 are written. Without it those of the file that is
there already are kept.

Every template of own/ and FOLDER renders every conversation of conversations.json without and with a generation
prompt. The templates of FOLDER are rendered as they stand and, as the project that collected them uses them, without
four-space indents and line breaks ("compact").
"""

import datetime
import hashlib
import json
import sys
from pathlib import Path

import jinja2
import transformers
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

here = Path(__file__).parent


class FixedDay(datetime.datetime):
    """The day that Winnow gives to templates: a result must not depend on the day."""

    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26)


chat_template_utils.datetime = FixedDay
vocabulary = {"<s>": 0, "</s>": 1, "<unk>": 2}
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>")),
    bos_token="<s>",
    eos_token="</s>",
    unk_token="<unk>",
)


def render(template, messages, generation_prompt):
    """The text, or None where the template refuses."""
    try:
        return tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, add_generation_prompt=generation_prompt
        )
    except (jinja2.exceptions.TemplateError, TypeError, ValueError):
        return None


def renders(template, shown):
    return {
        name: [shown(render(template, messages, prompt)) for prompt in (False, True)]
        for name, messages in conversations.items()
    }


def digest(text):
    if text is None:
        return None
    data = text.encode("utf-8")
    return f"{len(data)} {hashlib.sha256(data).hexdigest()[:16]}"


def source(file):
    return file.read_bytes().decode("utf-8")


conversations = json.loads(source(here / "conversations.json"))
out = Path(sys.argv[1])
golden = {
    "versions": {"transformers": transformers.__version__, "jinja2": jinja2.__version__},
    "own": {file.stem: renders(source(file), lambda text: text) for file in sorted((here / "own").glob("*.jinja"))},
}
if len(sys.argv) > 2:
    files = sorted(Path(sys.argv[2]).glob("*.jinja"))
    golden["shared"] = {file.stem: renders(source(file), digest) for file in files}
    golden["compact"] = {
        file.stem: renders(source(file).replace("    ", "").replace("\n", ""), digest) for file in files
    }
elif out.exists():
    known = json.loads(source(out))
    golden |= {key: known[key] for key in ("shared", "compact")}
out.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
