# syntax=docker/dockerfile:1
# One image for web and worker. Built in two stages: the compiler and pip stay behind.

FROM python:3.12-slim-bookworm@sha256:782412e85d0f0984994c290652577d4018aff08145c85b262bb63dc0c7522254 AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv /venv
COPY requirements.txt ./
RUN /venv/bin/pip install --require-hashes -r requirements.txt
# The libSQL backend, a package of this repository; what builds it is pinned and stays behind, too.
COPY requirements-uv.txt ./
RUN python -m venv /uv && /uv/bin/pip install --require-hashes -r requirements-uv.txt
COPY packages/django-hrana packages/django-hrana
RUN /uv/bin/uv build --offline --wheel --out-dir /wheels packages/django-hrana \
    && /venv/bin/pip install --no-index --no-deps /wheels/*.whl
COPY . .
RUN /venv/bin/python scripts/collect_static.py

FROM python:3.12-slim-bookworm@sha256:782412e85d0f0984994c290652577d4018aff08145c85b262bb63dc0c7522254
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8000
RUN groupadd --gid 10001 autoforge \
    && useradd --uid 10001 --gid autoforge --no-create-home --shell /usr/sbin/nologin autoforge
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build --chown=root:root /app /app
RUN install -d -o autoforge -g autoforge /app/data /app/backups
USER 10001:10001
VOLUME /app/data /app/backups
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "scripts/ask_health.py"]
CMD ["python", "scripts/serve_web.py"]
