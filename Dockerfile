# Streamgauge in an environment of its own. `docker build -t streamgauge .`, then
#
#   docker run --rm -v ./:/etc/streamgauge streamgauge reference /etc/streamgauge/monitor.yaml
#
# The build stage has the compilers: some wheels are missing on arm64. The final stage has none.
ARG PYTHON=3.13

FROM python:${PYTHON}-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src

# Before the code: these layers change with the lock files only.
COPY requirements/build.lock requirements/runtime.lock requirements/
RUN python -m venv /opt/build && /opt/build/bin/pip install --require-hashes -r requirements/build.lock
RUN python -m venv /opt/streamgauge && /opt/streamgauge/bin/pip install --require-hashes -r requirements/runtime.lock

COPY pyproject.toml README.md LICENSE NOTICE ./
COPY schemas schemas
COPY detectors detectors
COPY streams streams
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/streamgauge/bin/pip install --no-deps --no-index /wheels/*.whl \
    && /opt/streamgauge/bin/pip uninstall --yes pip


FROM python:${PYTHON}-slim-trixie
LABEL org.opencontainers.image.title="streamgauge" \
      org.opencontainers.image.description="Event-driven monitor for machine-learning models on Kafka" \
      org.opencontainers.image.licenses="Apache-2.0"

# The ids are fixed, so that volumes keep an owner that is known. A new named volume on either directory takes it over.
RUN groupadd --gid 10001 streamgauge \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin streamgauge \
    && install --directory --owner=10001 --group=10001 /etc/streamgauge /var/lib/streamgauge

COPY --from=build /opt/streamgauge /opt/streamgauge
ENV PATH=/opt/streamgauge/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

USER 10001:10001
WORKDIR /var/lib/streamgauge
VOLUME /var/lib/streamgauge
EXPOSE 6066
STOPSIGNAL SIGTERM

# Not through a proxy, whatever the environment says. Of use to `worker` only; 6066 is its --http-port.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener as opener; \
opener(ProxyHandler({})).open('http://127.0.0.1:6066/livez', timeout=4)"]

ENTRYPOINT ["streamgauge"]
CMD ["--help"]
