// What of Gateway API's features is served, as GatewayClass.status.supportedFeatures tells it.

/** Every feature of the gateway profiles, by its name in the conformance suite → whether it is served. */
const features = {
  BackendTLSPolicy: false,
  BackendTLSPolicySANValidation: false,
  GRPCRoute: false,
  GRPCRouteNamedRouteRule: false,
  Gateway: true,
  GatewayAddressEmpty: true,
  GatewayBackendClientCertificate: false,
  GatewayFrontendClientCertificateValidation: false,
  GatewayFrontendClientCertificateValidationInsecureFallback: false,
  GatewayHTTPListenerIsolation: true,
  GatewayHTTPSListenerDetectMisdirectedRequests: false,
  GatewayInfrastructurePropagation: false,
  GatewayPort8080: true,
  GatewayStaticAddresses: true,
  HTTPRoute: true,
  HTTPRoute303RedirectStatusCode: true,
  HTTPRoute307RedirectStatusCode: true,
  HTTPRoute308RedirectStatusCode: true,
  HTTPRouteBackendProtocolH2C: true,
  HTTPRouteBackendProtocolWebSocket: false,
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
  HTTPRouteRequestMirror: false,
  HTTPRouteRequestMultipleMirrors: false,
  HTTPRouteRequestPercentageMirror: false,
  HTTPRouteRequestTimeout: true,
  HTTPRouteResponseHeaderModification: true,
  HTTPRouteRetry: false,
  HTTPRouteRetryBackendTimeout: false,
  HTTPRouteRetryConnectionError: false,
  HTTPRouteSchemeRedirect: true,
  ListenerSet: true,
  ReferenceGrant: true,
  TCPRoute: false,
  TLSRoute: false,
  TLSRouteModeMixed: false,
  TLSRouteModeTerminate: false,
  UDPRoute: false,
} as const satisfies Readonly<Record<string, boolean>>;

/** The features that are served, sorted by name. */
export const supportedFeatures: readonly { readonly name: string }[] = Object.entries(features)
  .filter(([, isServed]) => isServed)
  .map(([name]) => ({ name }))
  .sort((a, b) => (a.name < b.name ? -1 : 1));
