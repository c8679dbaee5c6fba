package io.behalf.server;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.Limits;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Downstream;
import io.behalf.gateway.UpstreamTokens.Minted;
import io.behalf.sdk.HeldDelegation;
import io.behalf.server.ServiceChains.Taken;
import io.behalf.server.sample.SampleServer;
import io.behalf.server.sample.TicketService;
import io.behalf.verifier.DownstreamChain;
import io.behalf.verifier.VerifiedDelegation;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The sample service that trusts no gateway, over real HTTP, with the real taker of its records. */
class TicketServiceTest {
    private static final String TICKET = "/tickets/t-101";

    private final HttpClient http = HttpClient.newHttpClient();
    private final SigningKey key = SigningKey.generate();
    private Wiring wiring;
    private MintedTokens tokens;
    private ServiceChains chains;
    private SampleServer service;
    private volatile boolean ledgerAway;

    private Minted minted;
    private String call;

    @BeforeEach
    void open(@TempDir Path data) throws Json.Malformed {
        wiring = new Wiring(data);
        tokens = new MintedTokens(wiring.authority(), wiring.clock);
        chains = new ServiceChains(
                Map.of(TicketService.NAME, new Configuration.Registered(Wiring.TICKETS, Wiring.jwks(key))),
                wiring.ledger(),
                wiring.ledger(),
                tokens,
                wiring.clock,
                "test-node");
        wiring.downstream(this::take);
        service = Wiring.await(
                TicketService.start(wiring.vertx(), Wiring.TICKETS, URI.create(wiring.base), key, wiring.clock));
        minted = minted(wiring.task("alice"));
        call = Ids.next("rec", wiring.clock.instant(), new SecureRandom());
    }

    @AfterEach
    void close() {
        http.close();
        tokens.close();
        wiring.close();
    }

    private void take(RoutingContext context) {
        if (ledgerAway) {
            context.response().setStatusCode(503).end();
            return;
        }
        byte[] body = Objects.requireNonNull(context.body().buffer()).getBytes();
        Thread.startVirtualThread(() -> {
            try {
                int status =
                        switch (chains.take(body)) {
                            case Taken.In in -> {
                                in.committed().toCompletableFuture().join();
                                yield 201;
                            }
                            case Taken.Refused no -> no.status();
                        };
                context.response().setStatusCode(status).end();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private Minted minted(VerifiedDelegation presented) {
        return tokens.tokenFor(presented, Wiring.route(TicketService.NAME, Wiring.TICKETS))
                .toCompletableFuture()
                .orTimeout(10, SECONDS)
                .join();
    }

    // ---- its answers

    @Test
    void answersACallThatTheGatewayForwards() {
        HttpResponse<String> answer = forwarded("GET", TICKET);
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.body()).contains("Sign-in");
        assertThat(records()).singleElement().satisfies(record -> {
            assertThat(record.of()).contains(call);
            assertThat(record.decision().orElseThrow().permit()).isTrue();
            assertThat(record.call().orElseThrow().resources()).containsExactly("tickets/t-101");
            assertThat(record.downstream().seenJti()).isEqualTo(minted.jti());
            assertThat(DownstreamChain.signedBy(record, key.publicKey())).isTrue();
        });
        assertThat(forwarded("GET", "/tickets/t-999").statusCode()).isEqualTo(404);
    }

    /** The gateway let it through, and the service does not. */
    @Test
    void decidesForItself() {
        Minted reading = minted(wiring.task("alice", "tickets:read"));
        HttpResponse<String> answer = send(request("POST", TICKET)
                .header("Authorization", "DPoP " + reading.token())
                .header("DPoP", tokens.proof(reading, call, "POST", url(TICKET)))
                .header("Behalf-Record", call));
        assertThat(answer.statusCode()).isEqualTo(403);
        assertThat(answer.body()).contains("scope_exceeded");
        assertThat(records()).singleElement().satisfies(record -> {
            assertThat(record.decision().orElseThrow().permit()).isFalse();
            assertThat(record.decision().orElseThrow().reason()).contains("scope_exceeded");
        });
    }

    @Test
    void refusesWhoShowsNothing() {
        assertRefused(401, "delegation_missing", request("GET", TICKET));
        assertRefused(401, "delegation_missing", request("GET", TICKET).header("Authorization", "Basic eDp5"));
        assertRefused(401, "delegation_malformed", request("GET", TICKET).header("Authorization", "DPoP nonsense"));
    }

    @Test
    void refusesATokenWithoutItsProof() {
        String bearer = "Bearer " + minted.token();
        String dpop = "DPoP " + minted.token();
        assertRefused(401, "binding_missing", request("GET", TICKET).header("Authorization", bearer));
        assertRefused(401, "binding_missing", request("GET", TICKET).header("Authorization", dpop));
        for (String proof : List.of(
                tokens.proof(minted, call, "POST", url(TICKET)),
                tokens.proof(minted, call, "GET", url("/tickets/t-102")),
                tokens.proof(
                        new Minted(minted.jti(), minted.token() + "x", minted.expires()), call, "GET", url(TICKET)))) {
            assertRefused(
                    401,
                    "proof_invalid",
                    request("GET", TICKET).header("Authorization", dpop).header("DPoP", proof));
        }
        String stolen;
        try (var another = new MintedTokens(wiring.authority(), wiring.clock)) {
            stolen = another.proof(minted, call, "GET", url(TICKET)); // under a key of its own
        }
        assertRefused(
                401,
                "binding_mismatch",
                request("GET", TICKET).header("Authorization", dpop).header("DPoP", stolen));
    }

    @Test
    void refusesAProofThatWasUsed() {
        String proof = tokens.proof(minted, call, "GET", url(TICKET));
        var twice = request("GET", TICKET)
                .header("Authorization", "DPoP " + minted.token())
                .header("DPoP", proof);
        assertThat(send(twice).statusCode()).isEqualTo(200);
        assertThat(send(twice).body()).contains("proof_replayed");
    }

    @Test
    void refusesTwoCredentials() {
        assertRefused(
                400,
                "request_malformed",
                request("GET", TICKET)
                        .header("Authorization", "DPoP " + minted.token())
                        .header("Authorization", "DPoP " + minted.token())
                        .header("DPoP", tokens.proof(minted, call, "GET", url(TICKET))));
    }

    @Test
    void refusesTheAgentsOwnTokenForTheGatewayAndRecordsNothing() {
        HeldDelegation held = wiring.held("alice", Wiring.EVERYTHING, Limits.NONE, wiring.base + "/gateway");
        assertRefused(
                401,
                "audience_mismatch",
                request("GET", TICKET)
                        .header("Authorization", "DPoP " + held.token())
                        .header("DPoP", wiring.proof(held, url(TICKET))));
        assertThat(forwarded("GET", TICKET).statusCode()).isEqualTo(200);
    }

    @Test
    void recordsAnExpiredTokenOfItsHolder() {
        wiring.clock.pass(Duration.ofMinutes(6));
        HttpResponse<String> answer = forwarded("GET", TICKET);
        assertThat(answer.statusCode()).isEqualTo(401);
        assertThat(answer.body()).contains("delegation_expired");
        assertThat(records()).singleElement().satisfies(record -> assertThat(
                        record.decision().orElseThrow().reason())
                .contains("delegation_expired"));
    }

    // ---- its chain

    /** An agent may call the service itself, with any header: it must not be able to end the service's chain. */
    @Test
    void goesOnAfterWhateverAnAgentSendsIt() {
        HeldDelegation held = wiring.held("bob", Wiring.EVERYTHING, Limits.NONE, Wiring.TICKETS);
        for (String record : List.of("nonsense", call, "rec_01JNAAAAAAAAAAAAAAAAAAAAAA")) {
            HttpResponse<String> answer = send(request("GET", TICKET + "-" + "x".repeat(1_000))
                    .header("Authorization", "DPoP " + held.token())
                    .header("DPoP", wiring.proof(held, url(TICKET + "-" + "x".repeat(1_000))))
                    .header("Behalf-Record", record));
            assertThat(answer.statusCode()).as(record).isEqualTo(404);
        }
        assertThat(forwarded("GET", TICKET).statusCode()).isEqualTo(200);
        assertThat(records()).hasSize(4);
    }

    @Test
    void answersNothingThatIsNotRecordedAndHandsItInLater() {
        assertThat(forwarded("GET", TICKET).statusCode()).isEqualTo(200);
        ledgerAway = true;
        for (int i = 0; i < 3; i++) {
            HttpResponse<String> answer = forwarded("GET", TICKET);
            assertThat(answer.statusCode()).isEqualTo(503);
            assertThat(answer.body()).contains("record_unavailable").doesNotContain("Sign-in");
        }
        ledgerAway = false;
        assertThat(forwarded("GET", TICKET).statusCode()).isEqualTo(200);
        assertThat(records().stream().map(record -> record.downstream().seq())).containsExactly(1L, 2L, 3L, 4L, 5L);
    }

    @Test
    void chainsWhatComesAtOnce() throws InterruptedException {
        List<Thread> callers = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            callers.add(Thread.startVirtualThread(() -> forwarded("GET", TICKET)));
        }
        for (Thread caller : callers) {
            caller.join();
        }
        assertThat(records()).hasSize(16);
    }

    @Test
    void saysSoWhenTheAuthorityCannotBeReached() {
        SampleServer alone = Wiring.await(TicketService.start(
                wiring.vertx(), Wiring.TICKETS, URI.create("http://127.0.0.1:9"), key, wiring.clock));
        HttpResponse<String> answer =
                send(HttpRequest.newBuilder(alone.address().resolve(TICKET)));
        assertThat(answer.statusCode()).isEqualTo(503);
        Wiring.await(alone.close());
    }

    // ---- asking

    /** As the gateway does. */
    private HttpResponse<String> forwarded(String method, String path) {
        return send(request(method, path)
                .header("Authorization", "DPoP " + minted.token())
                .header("DPoP", tokens.proof(minted, call, method, url(path)))
                .header("Behalf-Record", call));
    }

    private String url(String path) {
        return service.address() + path;
    }

    private HttpRequest.Builder request(String method, String path) {
        return HttpRequest.newBuilder(URI.create(url(path)))
                .timeout(Duration.ofSeconds(20))
                .method(method, HttpRequest.BodyPublishers.noBody());
    }

    private void assertRefused(int status, String reason, HttpRequest.Builder request) {
        HttpResponse<String> answer = send(request);
        assertThat(answer.statusCode()).isEqualTo(status);
        assertThat(answer.body()).contains(reason).doesNotContain("Sign-in");
        assertThat(records()).isEmpty();
    }

    private HttpResponse<String> send(HttpRequest.Builder request) {
        try {
            return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    private List<Downstream> records() {
        wiring.indexed();
        List<Downstream> found = new ArrayList<>();
        LedgerRecords.visit(wiring.ledger().reader(), "downstream", Downstream.class, (_, record) -> found.add(record));
        return found;
    }
}
