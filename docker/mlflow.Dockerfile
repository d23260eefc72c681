# The MLflow server alone: no torch, no scans, no code of medcl. Built by compose.yaml.

ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="medcl-mlflow" \
      org.opencontainers.image.description="MLflow with SQLite and artifacts in one volume" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY constraints.txt /tmp/constraints.txt
# The version is the one in constraints.txt.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt mlflow \
    && rm /tmp/constraints.txt \
    && groupadd --gid 10001 mlflow \
    && useradd --uid 10001 --gid 10001 --create-home mlflow \
    && mkdir /data \
    && chown 10001:10001 /data

ENV HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    DO_NOT_TRACK=true

VOLUME /data
WORKDIR /data
USER 10001:10001
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5000/health', timeout=4)"]
CMD ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "2", \
     "--backend-store-uri", "sqlite:////data/mlflow.db", \
     "--artifacts-destination", "/data/artifacts", \
     "--allowed-hosts", "localhost,localhost:5000,127.0.0.1,127.0.0.1:5000,mlflow,mlflow:5000"]
