"""`make differential`: what we say beside what the real promptfoo says.

--pairs                  scorers alone, on pairs of an answer and an assertion that a seed draws
--configs                whole configurations, by `manage.py evaluate`
--requests               what is sent for configurations, to a service of ours, and their rows
--templates              texts filled by Nunjucks; without any of these, all of them
--only NAME              one of the configurations
--seed 7 --count 1500    which pairs
--record                 keep promptfoo's answers as data for `make test`
--promptfoo FOLDER       where it is installed (default: .cache/promptfoo, installed if missing)
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # launch, and this package
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project's packages

from differential.compare import disagreements
from differential.configs import FOLDERS, differing, our_rows, their_rows
from differential.evaluating import Refused, database, evaluate
from differential.generate import TYPES, generate
from differential.promptfoo import VERSION, install, judge
from differential.requests import REQUEST_FOLDERS, asking, compare_seen, see_ours, see_theirs
from differential.service import Service, running
from differential.templates import fill_by_ours, fill_by_theirs

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "tests" / "evaluations"
PAIRS = TESTS / "scorers" / "promptfoo_answers.json"
TEMPLATES = ROOT / "tests" / "prompts" / "rendering" / "nunjucks_answers.json"
CONFIGS = TESTS / "promptfoo" / "promptfoo_configs.json"
REQUESTS = TESTS / "promptfoo" / "promptfoo_requests.json"
DIFFERENCES_SHOWN = 60  # more of them have a common cause, which the first ones show


def main() -> int:
    """Compare, print; return 1 where we disagree."""
    options = _options()
    promptfoo = install(options.promptfoo)
    chosen = (options.pairs, options.configs, options.requests, options.templates)
    everything = not any(chosen)
    wrong = 0
    if options.pairs or (everything and not options.only):
        wrong += compare_pairs(options, promptfoo)
    if options.configs or options.requests or everything:
        # Before Django reads its settings, of which the service's address is one.
        with running() as service, asking(service), database():
            if options.configs or everything:
                wrong += compare_configs(options, promptfoo)
            if options.requests or everything:
                wrong += compare_requests(options, promptfoo, service)
    if options.templates or (everything and not options.only):
        wrong += compare_templates(options, promptfoo)
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("--configs", action="store_true")
    parser.add_argument("--requests", action="store_true")
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
        rows = []
        for pair, verdict in zip(pairs, verdicts, strict=True):
            # Its sentences change with each release, and are none of what is compared.
            recorded = {key: value for key, value in verdict.items() if key != "reason"}
            rows.append({**pair, "verdict": recorded})
        _record(PAIRS, map(_line, rows), "[]")
    differences = disagreements(pairs, verdicts)
    unexplained = [difference for difference in differences if difference["why"] is None]
    wrong = Counter(_find_type(difference["pair"]) for difference in unexplained)
    drawn = Counter(map(_find_type, pairs))
    for name in TYPES:
        print(f"{name:18} {drawn[name] - wrong[name]:4} of {drawn[name]:4} agree")
    _print_differences(differences, unexplained)
    print(
        f"promptfoo {VERSION}, seed {options.seed}: {len(pairs)} pairs, "
        f"{_count_differences(differences, unexplained)}"
    )
    return len(unexplained)


def _find_type(pair: Mapping[str, Any]) -> str:
    """Return the type of a pair's assertion; that of a negated one counts as the plain one's."""
    return str(pair["assertion"]["type"]).removeprefix("not-")


def compare_configs(options: argparse.Namespace, promptfoo: Path) -> int:
    """Run each configuration twice, print; return on how many rows we disagree."""
    folders = [folder for folder in FOLDERS if options.only in ("", folder.name)]
    theirs = {folder.name: their_rows(promptfoo, folder) for folder in folders}
    if options.record and not options.only:  # the file holds all of them
        _record(CONFIGS, [f"{_line(name)}: {_line(rows)}" for name, rows in theirs.items()], "{}")
    differences: list[dict[str, object]] = []
    refused = 0
    for folder in folders:
        try:
            rows = our_rows(folder, evaluate)
        except Refused as error:
            print(f"{folder.name:28} refused: {error}")
            refused += 1
            continue
        differing_rows = differing(folder.name, theirs[folder.name], rows)
        wrong = sum(row["why"] is None for row in differing_rows)
        print(f"{folder.name:28} {len(rows) - wrong:4} of {len(rows):4} rows agree")
        differences += differing_rows
    unexplained = [difference for difference in differences if difference["why"] is None]
    _print_differences(differences, unexplained)
    print(
        f"promptfoo {VERSION}: {len(folders)} configurations, {refused} refused, "
        f"{_count_differences(differences, unexplained)}"
    )
    return len(unexplained) + refused


def compare_requests(options: argparse.Namespace, promptfoo: Path, service: Service) -> int:
    """Have both ask the service, print; return on how many requests and rows we disagree."""
    folders = [folder for folder in REQUEST_FOLDERS if options.only in ("", folder.name)]
    theirs = {folder.name: see_theirs(promptfoo, folder, service) for folder in folders}
    if options.record and not options.only:  # the file holds all of them
        _record(REQUESTS, [f"{_line(name)}: {_line(seen)}" for name, seen in theirs.items()], "{}")
    differences: list[dict[str, object]] = []
    refused = sent = 0
    for folder in folders:
        try:
            ours = see_ours(folder, evaluate, service)
        except Refused as error:
            print(f"{folder.name:28} refused: {error}")
            refused += 1
            continue
        seen = compare_seen(folder.name, theirs[folder.name], ours)
        wrong = sum(difference["why"] is None for difference in seen)
        sent += len(ours["requests"])
        requests, rows = len(ours["requests"]), len(ours["rows"])
        print(f"{folder.name:28} {requests:4} requests, {rows:4} rows, {wrong:4} disagreements")
        differences += seen
    unexplained = [difference for difference in differences if difference["why"] is None]
    _print_differences(differences, unexplained)
    print(
        f"promptfoo {VERSION}: {len(folders)} configurations, {sent} requests, {refused} refused, "
        f"{_count_differences(differences, unexplained)}"
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
    differences = []
    for text, their_answer, our_answer in zip(texts, theirs, ours, strict=True):
        if their_answer != our_answer:
            differences.append({"text": text, "theirs": their_answer, "ours": our_answer})
    for difference in differences[:DIFFERENCES_SHOWN]:
        print(_line(difference))
    print(f"promptfoo {VERSION}: {len(texts)} templates, {len(differences)} disagreements")
    return len(differences)


def _print_differences(
    differences: Iterable[Mapping[str, object]], unexplained: list[dict[str, object]]
) -> None:
    reasons = Counter(difference["why"] for difference in differences)
    for why, count in reasons.items():
        if why is not None:
            print(f"intended: {count} × {why}")
    for difference in unexplained[:DIFFERENCES_SHOWN]:
        print(_line(difference))


def _count_differences(differences: Sequence[object], unexplained: Sequence[object]) -> str:
    intended = len(differences) - len(unexplained)
    return f"{len(unexplained)} disagreements, {intended} intended differences"


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _record(path: Path, lines: Iterable[str], ends: str) -> None:
    body = ",\n".join(lines)
    path.write_text(f"{ends[0]}\n{body}\n{ends[1]}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
