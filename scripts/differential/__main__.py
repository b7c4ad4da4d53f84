"""`make differential`: our scorers beside the real promptfoo, on pairs that a seed draws.

--seed 7 --count 1500    which pairs
--record                 keep promptfoo's answers as data for `make test`
--promptfoo FOLDER       where it is installed (default: .cache/promptfoo, installed if missing)
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from differential.compare import disagreements  # noqa: E402 (needs the path above)
from differential.generate import TYPES, generate  # noqa: E402
from differential.promptfoo import VERSION, install, judge  # noqa: E402

RECORD = ROOT / "tests" / "evaluations" / "scorers" / "promptfoo_answers.json"


def main() -> int:
    """Generate, ask promptfoo, compare, print; return 1 where they disagree."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--promptfoo", type=Path, default=ROOT / ".cache" / "promptfoo")
    options = parser.parse_args()
    pairs = list(generate(options.seed, options.count))
    verdicts = judge(install(options.promptfoo), pairs)
    if options.record:
        rows = [
            {**pair, "verdict": {key: value for key, value in verdict.items() if key != "reason"}}
            for pair, verdict in zip(pairs, verdicts, strict=True)
        ]
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        RECORD.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    found = disagreements(pairs, verdicts)
    unexplained = [one for one in found if one["why"] is None]
    wrong = Counter(
        str(one["pair"]["assertion"]["type"]).removeprefix("not-") for one in unexplained
    )
    drawn = Counter(str(pair["assertion"]["type"]).removeprefix("not-") for pair in pairs)
    for name in TYPES:
        print(f"{name:18} {drawn[name] - wrong[name]:4} of {drawn[name]:4} agree")
    for why, count in Counter(one["why"] for one in found if one["why"]).items():
        print(f"intended: {count} × {why}")
    for one in unexplained[:60]:
        print(json.dumps(one, ensure_ascii=False))
    print(
        f"promptfoo {VERSION}, seed {options.seed}: {len(pairs)} pairs, "
        f"{len(unexplained)} disagreements, {len(found) - len(unexplained)} intended differences"
    )
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
