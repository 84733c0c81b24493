"use strict";

// The document names the console's public address. This page asks at the one where it is itself: its policy allows no other.
fetch("docs/v2")
  .then((answer) => answer.json())
  .then((swagger) => {
    const base = new URL("..", location.href);
    swagger.host = base.host;
    swagger.schemes = [base.protocol.replace(":", "")];
    swagger.basePath = base.pathname.replace(/\/$/, "") || "/";
    swagger.securityDefinitions.password.tokenUrl = new URL("token", base).href;
    SwaggerUIBundle({
      spec: swagger,
      dom_id: "#page",
      deepLinking: true,
      docExpansion: "none",
      validatorUrl: null, // no other host is asked
      persistAuthorization: false, // a token stays in this page's memory
    });
  })
  .catch((error) => {
    document.getElementById("page").textContent = "The document at docs/v2 could not be read: " + error;
  });
