# The server and the command line with all extras that they use. Build and use: docs/DEPLOYMENT.md.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
# A further index of packages, where one is used.
ARG PIP_EXTRA_INDEX_URL
ENV PIP_EXTRA_INDEX_URL=${PIP_EXTRA_INDEX_URL} PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY underdrawing underdrawing
RUN python -m venv /opt/underdrawing \
    && /opt/underdrawing/bin/pip install '.[serve,formats,credentials,postgres,qdrant]'

FROM python:${PYTHON}
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin underdrawing \
    && install --directory --owner=underdrawing --mode=0750 /data
COPY --from=build /opt/underdrawing /opt/underdrawing
# One thread per worker: several thread pools would compete for the cores.
ENV PATH=/opt/underdrawing/bin:$PATH PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 \
    UNDERDRAWING_HOST=0.0.0.0 UNDERDRAWING_HOSTS=localhost
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["underdrawing"]
CMD ["serve"]
