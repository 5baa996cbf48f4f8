# syntax=docker/dockerfile:1

FROM node:24-bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
# Built here, against the C library of the image that runs it: the published binary wants a newer one.
ENV npm_config_build_from_source=sqlite3
RUN --mount=type=cache,target=/root/.npm npm ci
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/packages ./packages
COPY --from=build /app/plugins ./plugins
COPY --from=build /app/models ./models
COPY --from=build /app/dist ./dist
RUN mkdir /data && chown node:node /data
# On an address that others can reach the gateway refuses to start without LITEGEN__MASTER_KEY.
ENV NODE_ENV=production \
    LITEGEN__SERVER__HOST=0.0.0.0 \
    LITEGEN__SERVER__PORT=4000 \
    LITEGEN__DATABASE_URL=sqlite:///data/litegen.db \
    LITEGEN__STORAGE__PATH=/data/blobs
USER node
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.LITEGEN__SERVER__PORT}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The same flags as `npm start`.
CMD ["node", "--v8-pool-size=2", "--max-semi-space-size=32", "dist/src/app/main.js"]
