// The controller's own name, under which statuses are written, on a laptop too.

/** GatewayClass.spec.controllerName of this product. */
export const controllerNameDefault = 'agentgateway.dev/controller';
