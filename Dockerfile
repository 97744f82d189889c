# One image for every part of the platform; which one a container is, its command says: `backoffice run PART`.
# Debian's slim Python. Packages are the locked ones, by their hashes; nothing of a registry or a secret is in a layer.

FROM python:3.11-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential \
    && rm -rf /var/lib/apt/lists/*
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.runtime.lock /build/
RUN /opt/venv/bin/pip install --require-hashes --requirement /build/requirements.runtime.lock
# The project itself, with the locked setuptools, so that nothing else is downloaded.
COPY requirements.lock /build/
RUN sed -n '/^setuptools==/,/[^\\]$/p' /build/requirements.lock > /build/setuptools.lock \
    && /opt/venv/bin/pip install --require-hashes --requirement /build/setuptools.lock
COPY pyproject.toml README.md /opt/backoffice/
COPY plugins /opt/backoffice/plugins
RUN /opt/venv/bin/pip install --no-deps --no-build-isolation --editable /opt/backoffice \
    && /opt/venv/bin/python -m compileall -q /opt/backoffice/plugins

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/backoffice backoffice \
    && install --directory --owner backoffice --group backoffice --mode 0750 /var/lib/backoffice
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/backoffice /opt/backoffice
COPY contracts /opt/backoffice/contracts
COPY sources /opt/backoffice/sources
COPY expectations /opt/backoffice/expectations
COPY dbt_project /opt/backoffice/dbt_project
COPY dags /opt/backoffice/dags
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    TZ=UTC \
    PYTHONUNBUFFERED=1 \
    BACKOFFICE_HOME=/var/lib/backoffice \
    BACKOFFICE_LISTEN_HOST=0.0.0.0
# The project is root's and cannot be written; what changes is in the volume.
USER backoffice
WORKDIR /var/lib/backoffice
VOLUME /var/lib/backoffice
EXPOSE 28080 28090 28091
HEALTHCHECK --interval=30s --timeout=20s --start-period=120s --retries=3 CMD ["backoffice", "health", "api-server"]
ENTRYPOINT ["backoffice"]
CMD ["run", "api-server"]
