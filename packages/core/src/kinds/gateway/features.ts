// What of Gateway API's features is served, as GatewayClass.status.supportedFeatures tells it.

/** Every feature of the gateway profiles, by its name in the conformance suite → whether it is served. */
const features = {
  BackendTLSPolicy: true,
  BackendTLSPolicySANValidation: true,
  GRPCRoute: true,
  GRPCRouteNamedRouteRule: true,
  Gateway: true,
  GatewayAddressEmpty: true,
  GatewayBackendClientCertificate: true,
  GatewayFrontendClientCertificateValidation: true,
  GatewayFrontendClientCertificateValidationInsecureFallback: true,
  GatewayHTTPListenerIsolation: true,
  GatewayHTTPSListenerDetectMisdirectedRequests: true,
  GatewayInfrastructurePropagation: false,
  GatewayPort8080: true,
  GatewayStaticAddresses: true,
  HTTPRoute: true,
  HTTPRoute303RedirectStatusCode: true,
  HTTPRoute307RedirectStatusCode: true,
  HTTPRoute308RedirectStatusCode: true,
  HTTPRouteBackendProtocolH2C: true,
  HTTPRouteBackendProtocolWebSocket: true,
  HTTPRouteBackendRequestHeaderModification: true,
  HTTPRouteBackendTimeout: true,
  HTTPRouteCORS: true,
  HTTPRouteDestinationPortMatching: true,
  HTTPRouteHostRewrite: true,
  HTTPRouteMethodMatching: true,
  HTTPRouteNamedRouteRule: true,
  HTTPRouteParentRefPort: true,
  HTTPRoutePathRedirect: true,
  HTTPRoutePathRewrite: true,
  HTTPRoutePortRedirect: true,
  HTTPRouteQueryParamMatching: true,
  HTTPRouteRequestMirror: true,
  HTTPRouteRequestMultipleMirrors: true,
  HTTPRouteRequestPercentageMirror: true,
  HTTPRouteRequestTimeout: true,
  HTTPRouteResponseHeaderModification: true,
  HTTPRouteRetry: true,
  HTTPRouteRetryBackendTimeout: true,
  HTTPRouteRetryConnectionError: true,
  HTTPRouteSchemeRedirect: true,
  ListenerSet: true,
  ReferenceGrant: true,
  TCPRoute: true,
  TLSRoute: true,
  TLSRouteModeMixed: true,
  TLSRouteModeTerminate: true,
  UDPRoute: true,
} as const satisfies Readonly<Record<string, boolean>>;

/** The features that are served, sorted by name. */
export const supportedFeatures: readonly { readonly name: string }[] = Object.entries(features)
  .filter(([, isServed]) => isServed)
  .map(([name]) => ({ name }))
  .sort((a, b) => (a.name < b.name ? -1 : 1));
