"use strict";

SwaggerUIBundle({
  url: "docs/v2",
  dom_id: "#page",
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: null, // no other host is asked
  persistAuthorization: false, // a token stays in this page's memory
});
