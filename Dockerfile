# The image of the gateway: built by the repository's own tools, run as a user without rights on a read-only file system.
#   docker build -t agentgateway .
#   docker run --read-only -p 3000:3000 -v "$PWD/config.yaml:/etc/agentgateway/config.yaml:ro" agentgateway run -f /etc/agentgateway/config.yaml
ARG NODE_IMAGE=node:26-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY . .
RUN scripts/with-tools scripts/install && scripts/with-tools pnpm build

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="agentgateway" \
      org.opencontainers.image.description="One URL for every model, tool and agent" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /src/dist /app
# A container's listeners must be reachable from outside it; the admin port stays on the loopback address.
ENV NODE_ENV=production \
    AGENTGATEWAY_BIND=0.0.0.0
# Numeric, so that runAsNonRoot can be verified; it owns nothing.
USER 65532:65532
WORKDIR /app
EXPOSE 3000 15000 15020 15021
STOPSIGNAL SIGTERM
HEALTHCHECK NONE
ENTRYPOINT ["node", "/app/main.js"]
CMD ["run"]
