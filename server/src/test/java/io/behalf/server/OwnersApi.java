package io.behalf.server;

import io.behalf.authority.Authority;
import io.behalf.core.json.Json;
import io.behalf.ledger.EmbeddedLedger;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;

/** The JSON API over an authority and a ledger which a test spoils as it likes, for whoever can connect. */
final class OwnersApi implements AutoCloseable {
    private final Vertx vertx = Vertx.vertx();
    private final HttpClient http = HttpClient.newHttpClient();
    private final MintedTokens tokens;
    private final Api api;
    private final URI address;

    /** @param ledger of the stories; the authority may have another one */
    OwnersApi(Authority authority, EmbeddedLedger ledger, TestClock clock) throws IOException, Json.Malformed {
        tokens = new MintedTokens(authority, clock);
        api = new Api(
                Configurations.accepted(Configurations.everyKey()),
                authority,
                new Stories(ledger, authority.identities(), "test-node", clock),
                new ServiceChains(Map.of(), ledger, ledger, tokens, clock, "test-node"),
                clock);
        Router router = Router.router(vertx);
        api.mount(router, new Access.Owner());
        HttpServer listening =
                Wiring.await(vertx.createHttpServer().requestHandler(router).listen(0, "127.0.0.1"));
        address = URI.create("http://127.0.0.1:" + listening.actualPort());
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return send(HttpRequest.newBuilder(address.resolve(Api.ROOT + path)));
    }

    HttpResponse<String> revoke(Map<String, ?> stop) throws IOException, InterruptedException {
        return send(HttpRequest.newBuilder(address.resolve(Api.ROOT + "/revoke"))
                .POST(HttpRequest.BodyPublishers.ofString(JsonText.of(stop))));
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    @Override
    public void close() {
        http.close();
        api.close();
        tokens.close();
        Wiring.await(vertx.close());
    }
}
