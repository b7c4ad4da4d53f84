"""Langfuse's SDK for Python sends its traces: only the host is another one."""

import os

from langfuse import Langfuse
from records import load_records
from running import check, run

langfuse = Langfuse(
    public_key="autoforge",
    secret_key=os.environ["AUTOFORGE_API_KEY"],
    base_url=os.environ["AUTOFORGE_URL"],
)


@check
def a_generation_becomes_a_record_with_its_prompt() -> None:
    langfuse.create_prompt(name="support/reply", prompt="Greet {{name}}.", labels=["production"])
    prompt = langfuse.get_prompt("support/reply", cache_ttl_seconds=0)
    with (
        langfuse.start_as_current_observation(as_type="span", name="handle"),
        langfuse.start_as_current_observation(
            as_type="generation",
            name="reply",
            model="gpt-4.1-mini",
            model_parameters={"temperature": 0.2},
            input=[{"role": "user", "content": prompt.compile(name="愛子")}],
            metadata={"ticket": "7"},
            prompt=prompt,
        ) as generation,
    ):
        generation.update(
            output="Hello 愛子!",
            usage_details={"input": 10, "output": 5},
            cost_details={"total": 0.000012},
        )
    langfuse.flush()
    [record] = load_records()
    assert (record["name"], record["model"]) == ("reply", "gpt-4.1-mini")
    assert record["messages"] == [{"role": "user", "content": "Greet 愛子."}]
    assert (record["output"], record["parameters"]) == ("Hello 愛子!", {"temperature": 0.2})
    assert (record["prompt_name"], record["prompt_number"]) == ("support/reply", 1)
    assert (record["input_tokens"], record["output_tokens"]) == (10, 5)
    assert record["cost"] == 0.000012
    assert record["metadata"]["ticket"] == "7"


@check
def an_error_is_told() -> None:
    with langfuse.start_as_current_observation(
        as_type="generation", name="bad", model="m", input="Hi"
    ) as generation:
        generation.update(level="ERROR", status_message="it broke")
    with langfuse.start_as_current_observation(as_type="tool", name="tool", input={"a": 1}):
        pass
    langfuse.flush()
    records = load_records()
    assert [record["name"] for record in records] == ["reply", "bad"]
    assert records[1]["error"] == "it broke"


run()
