"""`make differential`: what we say beside what the real promptfoo says.

--pairs                  scorers alone, on pairs of an answer and an assertion that a seed draws
--configs                whole configurations, by `manage.py evaluate`
--templates              texts filled by Nunjucks; without any of the three, all of them
--only NAME              one of the configurations
--seed 7 --count 1500    which pairs
--record                 keep promptfoo's answers as data for `make test`
--promptfoo FOLDER       where it is installed (default: .cache/promptfoo, installed if missing)
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from differential.compare import disagreements  # noqa: E402 (needs the path above)
from differential.configs import FOLDERS, differing, our_rows, their_rows  # noqa: E402
from differential.evaluating import Refused, database, evaluate  # noqa: E402
from differential.generate import TYPES, generate  # noqa: E402
from differential.promptfoo import VERSION, install, judge  # noqa: E402
from differential.templates import fill_by_ours, fill_by_theirs  # noqa: E402

TESTS = ROOT / "tests" / "evaluations"
PAIRS = TESTS / "scorers" / "promptfoo_answers.json"
TEMPLATES = ROOT / "tests" / "prompts" / "rendering" / "nunjucks_answers.json"
CONFIGS = TESTS / "promptfoo" / "promptfoo_configs.json"


def main() -> int:
    """Compare, print; return 1 where we disagree."""
    options = _options()
    promptfoo = install(options.promptfoo)
    everything = not (options.pairs or options.configs or options.templates)
    wrong = 0
    if options.pairs or (everything and not options.only):
        wrong += compare_pairs(options, promptfoo)
    if options.configs or everything:
        wrong += compare_configs(options, promptfoo)
    if options.templates or (everything and not options.only):
        wrong += compare_templates(options, promptfoo)
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("--configs", action="store_true")
    parser.add_argument("--templates", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--promptfoo", type=Path, default=ROOT / ".cache" / "promptfoo")
    return parser.parse_args()


def compare_pairs(options: argparse.Namespace, promptfoo: Path) -> int:
    """Draw pairs, ask both, print; return how often we disagree."""
    pairs = list(generate(options.seed, options.count))
    verdicts = judge(promptfoo, pairs)
    if options.record:
        rows = [
            {**pair, "verdict": {key: value for key, value in verdict.items() if key != "reason"}}
            for pair, verdict in zip(pairs, verdicts, strict=True)
        ]
        _record(PAIRS, map(_line, rows), "[]")
    found = disagreements(pairs, verdicts)
    unexplained = [one for one in found if one["why"] is None]
    wrong = Counter(
        str(one["pair"]["assertion"]["type"]).removeprefix("not-") for one in unexplained
    )
    drawn = Counter(str(pair["assertion"]["type"]).removeprefix("not-") for pair in pairs)
    for name in TYPES:
        print(f"{name:18} {drawn[name] - wrong[name]:4} of {drawn[name]:4} agree")
    _print_differences(found, unexplained)
    print(
        f"promptfoo {VERSION}, seed {options.seed}: {len(pairs)} pairs, "
        f"{len(unexplained)} disagreements, {len(found) - len(unexplained)} intended differences"
    )
    return len(unexplained)


def compare_configs(options: argparse.Namespace, promptfoo: Path) -> int:
    """Run each configuration twice, print; return on how many rows we disagree."""
    folders = [one for one in FOLDERS if not options.only or one.name == options.only]
    theirs = {one.name: their_rows(promptfoo, one) for one in folders}
    if options.record and not options.only:
        _record(CONFIGS, (f"{_line(name)}: {_line(rows)}" for name, rows in theirs.items()), "{}")
    found: list[dict[str, Any]] = []
    refused = 0
    with database():
        for folder in folders:
            try:
                rows = our_rows(folder, evaluate)
            except Refused as error:
                print(f"{folder.name:28} refused: {error}")
                refused += 1
                continue
            differences = differing(folder.name, theirs[folder.name], rows)
            wrong = [one for one in differences if one["why"] is None]
            print(f"{folder.name:28} {len(rows) - len(wrong):4} of {len(rows):4} rows agree")
            found += differences
    unexplained = [one for one in found if one["why"] is None]
    _print_differences(found, unexplained)
    print(
        f"promptfoo {VERSION}: {len(folders)} configurations, {refused} refused, "
        f"{len(unexplained)} disagreements, {len(found) - len(unexplained)} intended differences"
    )
    return len(unexplained) + refused


def compare_templates(options: argparse.Namespace, promptfoo: Path) -> int:
    """Fill the texts of the recorded answers again, print; return on how many we disagree."""
    recorded = json.loads(TEMPLATES.read_text(encoding="utf-8"))
    values = recorded[0]
    texts = [text for text, _ in recorded[1:]]
    theirs = fill_by_theirs(promptfoo, texts, values)
    if options.record:
        rows = [values, *zip(texts, theirs, strict=True)]
        _record(TEMPLATES, map(_line, rows), "[]")
    ours = fill_by_ours(texts, values)
    found = [row for row in zip(texts, theirs, ours, strict=True) if row[1] != row[2]]
    for text, their_answer, our_answer in found[:60]:
        print(_line({"text": text, "theirs": their_answer, "ours": our_answer}))
    print(f"promptfoo {VERSION}: {len(texts)} templates, {len(found)} disagreements")
    return len(found)


def _print_differences(
    found: Iterable[Mapping[str, Any]], unexplained: list[dict[str, Any]]
) -> None:
    for why, count in Counter(one["why"] for one in found if one["why"]).items():
        print(f"intended: {count} × {why}")
    for one in unexplained[:60]:
        print(_line(one))


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _record(path: Path, lines: Iterable[str], ends: str) -> None:
    body = ",\n".join(lines)
    path.write_text(f"{ends[0]}\n{body}\n{ends[1]}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
