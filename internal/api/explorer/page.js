"use strict";

// The documents name the console's public address. This page asks at the one where it is itself: its policy allows no other.
const base = new URL("..", location.href);
base.search = base.hash = "";

const documents = {
  v2: {
    at: "docs/v2",
    here(swagger) {
      swagger.host = base.host;
      swagger.schemes = [base.protocol.replace(":", "")];
      swagger.basePath = base.pathname.replace(/\/$/, "") || "/";
      swagger.securityDefinitions.password.tokenUrl = new URL("token", base).href;
    },
  },
  v1: {
    at: "../api/v1/openapi.json",
    here(openapi) {
      openapi.servers = [{ url: new URL("api/v1", base).href }];
    },
  },
};

const name = new URLSearchParams(location.search).get("api") === "v1" ? "v1" : "v2";
const chosen = documents[name];

fetch(chosen.at)
  .then((answer) => answer.json())
  .then((spec) => {
    chosen.here(spec);
    SwaggerUIBundle({
      spec,
      dom_id: "#page",
      deepLinking: true,
      docExpansion: "none",
      validatorUrl: null, // no other host is asked
      persistAuthorization: false, // a token stays in this page's memory
    });
  })
  .catch((error) => {
    document.getElementById("page").textContent = "The document at " + chosen.at + " could not be read: " + error;
  });
