package io.behalf.server;

import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Optional;

/** Who may ask the JSON API, and under which name that will stand in records. */
sealed interface Access {
    /** Empty for somebody who may not. */
    Optional<String> who(HttpServerRequest request);

    void refuse(HttpServerResponse response);

    /** Whoever could connect: the socket's folder lets in only its owner. */
    record Owner() implements Access {
        @Override
        public Optional<String> who(HttpServerRequest request) {
            return Optional.of("operator");
        }

        @Override
        public void refuse(HttpServerResponse response) {
            throw new IllegalStateException("the owner is never refused");
        }
    }

    /** Over the network, with the token of the configuration; without one, nobody. */
    record Token(Optional<String> token) implements Access {
        @Override
        public Optional<String> who(HttpServerRequest request) {
            var shown = request.headers().getAll("Authorization");
            boolean same = token.isPresent()
                    && shown.size() == 1
                    && MessageDigest.isEqual(
                            ("Bearer " + token.get()).getBytes(StandardCharsets.UTF_8),
                            shown.getFirst().getBytes(StandardCharsets.UTF_8));
            return same ? Optional.of("api-token") : Optional.empty();
        }

        @Override
        public void refuse(HttpServerResponse response) {
            response.putHeader("WWW-Authenticate", "Bearer realm=\"behalf\"");
            ProblemJson.answer(
                    response,
                    401,
                    token.isPresent()
                            ? "This needs the server's API token, as Authorization: Bearer."
                            : "This server has no API token (server.api-token): ask over its owner's socket.");
        }

        @Override
        public String toString() {
            return "Token"; // holds a secret
        }
    }

    /** What the configuration opens to everybody. */
    record Anyone() implements Access {
        @Override
        public Optional<String> who(HttpServerRequest request) {
            return Optional.of("anyone");
        }

        @Override
        public void refuse(HttpServerResponse response) {
            throw new IllegalStateException("nobody is refused");
        }
    }
}
