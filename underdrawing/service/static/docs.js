// The documentation of the API: Swagger UI on this server's own description, with all its assets from here.

/* global SwaggerUIBundle */
const token = sessionStorage.getItem("token"); // as the page keeps it, for this tab
SwaggerUIBundle({
  url: "/v1/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  validatorUrl: null, // it would send the description to another site
  onComplete() {
    if (token) this.ui?.preauthorizeApiKey("token", token);
  },
});
