"""local-embeddings: nearness in meaning on this machine, with no key and no network.

`make local-embeddings` fetches all-MiniLM-L6-v2 (Apache-2.0; weights of 8 bits) and onnxruntime. A
vector is the mean of what the model says of each token, of length 1:
https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2. The model learnt English alone.
"""

import asyncio
import importlib.util
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evaluations.engine.errors import SetupError
from evaluations.engine.providers.base import Capabilities, Environment, Limits, ProviderSpec
from evaluations.engine.providers.wordpiece import WordPiece
from evaluations.engine.types import Answer, Request, Vector

__all__ = ["LocalEmbeddings", "make_local_embeddings"]

NAME: Final = "all-MiniLM-L6-v2"
FOLDER: Final = Path("data") / "models" / NAME
FILES: Final = ("model.onnx", "tokenizer.json")
LONGEST_TOKENS: Final = 256  # what the model was trained with
LIMITS: Final = Limits(concurrency=2, retries=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Model:
    session: Any
    """onnxruntime's; threads may share it."""
    tokenizer: WordPiece
    """With the model's own vocabulary."""

    def vector(self, text: str) -> Vector:
        # One text at a time: on a CPU, padding costs more time and memory than a batch saves, and
        # without padding the mean over the attention mask is the mean over all tokens.
        import numpy  # noqa: ICN001 (comes with onnxruntime, which is optional)

        ids = numpy.array([self.tokenizer.ids(text)], dtype=numpy.int64)
        inputs = {
            "input_ids": ids,
            "attention_mask": numpy.ones_like(ids),
            "token_type_ids": numpy.zeros_like(ids),
        }
        (tokens,) = self.session.run(["last_hidden_state"], inputs)
        mean = tokens[0].mean(axis=0)
        return [float(part) for part in mean / numpy.linalg.norm(mean)]


class LocalEmbeddings:
    """Reads the model with the first call.

    Args:
        spec: its model is "" or the one there is.
        folder: where the model's files are.
    """

    abilities = Capabilities(supports_embeddings=True)

    def __init__(self, spec: ProviderSpec, folder: Path) -> None:
        self.spec = spec
        self.limits = spec.limits or LIMITS
        self._folder = folder
        self._model: _Model | None = None
        self._loading = threading.Lock()

    async def complete(self, request: Request) -> Answer:
        """Refuse.

        Raises:
            SetupError: always.
        """
        raise SetupError("embeddings.no-answers")

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return a vector of 384 numbers and length 1 for each text; 256 tokens of it count.

        Raises:
            SetupError: the model's files cannot be read.
        """
        return await asyncio.to_thread(self._embed, texts)

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        with self._loading:
            if self._model is None:
                self._model = _load(self._folder)
            model = self._model
        return [model.vector(text) for text in texts]

    async def close(self) -> None:
        """Let go of the model."""
        self._model = None


def _load(folder: Path) -> _Model:
    import onnxruntime  # an optional package

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # texts go side by side instead
    options.enable_cpu_mem_arena = False  # it keeps what the longest text needed
    model, tokenizer = (folder / name for name in FILES)
    try:
        vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
        return _Model(
            session=onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"]),
            tokenizer=WordPiece(vocabulary, longest=LONGEST_TOKENS),
        )
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise SetupError("embeddings.broken-files", folder=folder) from error


def make_local_embeddings(
    spec: ProviderSpec,
    environment: Environment,
) -> LocalEmbeddings:
    """Return the provider of embeddings on this machine.

    Raises:
        SetupError: another model is asked for, or a package or a file is missing.
    """
    if spec.model not in ("", NAME):
        raise SetupError("embeddings.one-model", name=NAME, model=spec.model)
    if importlib.util.find_spec("onnxruntime") is None:
        raise SetupError("embeddings.no-runtime")
    if not all((FOLDER / name).is_file() for name in FILES):
        raise SetupError("embeddings.no-files")
    return LocalEmbeddings(spec, FOLDER)
