package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.sdk.AgentCredential;
import io.behalf.sdk.AuthorityClient;
import io.behalf.sdk.HeldDelegation;
import io.behalf.sdk.RunningTask;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SidecarTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final int PATIENCE_SECONDS = 10;

    private final Vertx vertx = Vertx.vertx();
    private final PretendServer server = new PretendServer();
    private final SigningKey key = SigningKey.generate();
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private RunningTask task = running(Duration.ofMinutes(5));
    private Sidecar sidecar = started();

    @AfterEach
    void stop() {
        sidecar.close().await();
        task.close();
        vertx.close().await();
        server.close();
    }

    @ParameterizedTest
    @CsvSource({"Authorization,'Bearer '", "authorization,'bearer '", "x-api-key,''", "x-goog-api-key,''", "api-key,''"
    })
    void takesTheSecretWhereProgramsPutTheirKey(String header, String before) throws Exception {
        HttpResponse<String> answer = send(at(CHAT).header(header, before + sidecar.secret()));

        assertThat(answer.statusCode()).isEqualTo(200);
        PretendServer.Call call = server.nextCall();
        assertThat(call.header("authorization")).isEqualTo("DPoP token-1");
        assertThat(call.headers().toString()).doesNotContain(sidecar.secret());
        assertThat(call.headers()).doesNotContainKeys("x-api-key", "x-goog-api-key", "api-key");
    }

    @Test
    void provesEachRequestAnew() throws Exception {
        send(authorized(CHAT + "?stream=true"));
        send(authorized(CHAT + "?stream=true"));

        Map<String, ?> first = proof(server.nextCall());
        Map<String, ?> second = proof(server.nextCall());
        assertThat(first.get("htu")).isEqualTo(server.base() + CHAT);
        assertThat(first.get("htm")).isEqualTo("GET");
        assertThat(first.get("jti")).isNotEqualTo(second.get("jti"));
    }

    @ParameterizedTest
    @CsvSource({
        "Authorization,Bearer sk-behalf-guess",
        "Authorization,Bearer",
        "Authorization,Basic c2stYmVoYWxm",
        "x-api-key,''",
        "x-real-key,sk-behalf-guess"
    })
    void letsNothingOfAnotherProcessPass(String header, String value) throws Exception {
        HttpResponse<String> answer = send(at(CHAT).header(header, value).POST(text("{\"secret\":1}")));

        assertThat(answer.statusCode()).isEqualTo(401);
        assertThat(server.calls).isEmpty();
        assertThat(sidecar.calls()).isZero();
    }

    @Test
    void takesTheSecretFromNoOtherPlace() throws Exception {
        HttpResponse<String> asCookie = send(at(CHAT).header("Cookie", "key=" + sidecar.secret()));
        HttpResponse<String> asQuery = send(at(CHAT + "?key=" + sidecar.secret()));
        HttpResponse<String> asPartOfMore = send(at(CHAT).header("x-api-key", sidecar.secret() + "1"));

        assertThat(List.of(asCookie, asQuery, asPartOfMore))
                .extracting(HttpResponse::statusCode)
                .containsOnly(401);
        assertThat(server.calls).isEmpty();
    }

    @Test
    void refusesToCarryTheSecretInAnAddress() throws Exception {
        HttpResponse<String> answer = send(authorized("/http/tickets/1?key=" + sidecar.secret()));

        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(server.calls).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                CHAT + "|code\":\"agent_unauthenticated",
                "/llm/anthropic/v1/messages|type\":\"authentication_error",
                "/mcp/tools|urn:behalf:reason:agent_unauthenticated",
                "/http/tickets/1|urn:behalf:reason:agent_unauthenticated"
            })
    void saysNoInTheWordsOfTheProtocol(String path, String expected) throws Exception {
        HttpResponse<String> answer = send(at(path));

        assertThat(answer.statusCode()).isEqualTo(401);
        assertThat(answer.body().replace("\": \"", "\":\"")).contains(expected);
    }

    @Test
    void keepsCredentialsAndConnectionHeadersToItself() throws Exception {
        String kept = raw(
                "GET /http/tickets/1 HTTP/1.1",
                "Host: HERE",
                "Authorization: Bearer SECRET",
                "X-Api-Key: sk-of-a-provider",
                "Cookie: a=b",
                "DPoP: forged",
                "X-Behalf-Delegation: forged",
                "Proxy-Authorization: Basic x",
                "X-Forwarded-For: 10.0.0.1",
                "Forwarded: for=10.0.0.1",
                "Connection: close",
                "Connection: x-other, X-Hop",
                "X-Hop: 1",
                "TE: trailers",
                "X-Copy: SECRET",
                "X-Stays: yes");

        assertThat(kept).startsWith("HTTP/1.1 200");
        PretendServer.Call call = server.nextCall();
        assertThat(call.headers().keySet()).containsExactlyInAnyOrder("host", "authorization", "dpop", "x-stays");
        assertThat(call.header("host")).isEqualTo(server.base().getAuthority());
        assertThat(call.header("dpop")).isNotEqualTo("forged").doesNotContain(",");
    }

    @Test
    void givesBackTheAnswerWithoutChallengeAndCookie() throws Exception {
        server.gateway(request -> {
            request.response()
                    .putHeader("Behalf-Record", "rec_1")
                    .putHeader("WWW-Authenticate", "Bearer resource_metadata=\"x\"")
                    .putHeader("Set-Cookie", "a=b");
            PretendServer.answer(request, 401, "application/json", "{\"error\":{\"code\":\"delegation_revoked\"}}");
        });

        HttpResponse<String> answer = send(authorized(CHAT));

        assertThat(answer.statusCode()).isEqualTo(401);
        assertThat(answer.body()).contains("delegation_revoked");
        assertThat(answer.headers().map())
                .containsKey("Behalf-Record")
                .doesNotContainKeys("www-authenticate", "set-cookie");
        assertThat(sidecar.calls()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"evil.example", "evil.example:PORT", "127.0.0.1", "127.0.0.1:1", "[::1]:PORT"})
    void answersUnderItsOwnNameOnly(String host) throws Exception {
        assertThat(raw(
                        "GET " + CHAT + " HTTP/1.1",
                        "Host: " + host,
                        "Authorization: Bearer SECRET",
                        "Connection: close"))
                .startsWith("HTTP/1.1 403");
        assertThat(server.calls).isEmpty();
    }

    @Test
    void answersUnderLocalhostAsWell() throws Exception {
        assertThat(raw(
                        "GET " + CHAT + " HTTP/1.1",
                        "Host: LocalHost:PORT",
                        "Authorization: Bearer SECRET",
                        "Connection: close"))
                .startsWith("HTTP/1.1 200");
    }

    @Test
    void refusesWebPages() throws Exception {
        HttpResponse<String> answer = send(authorized(CHAT).header("Origin", "http://127.0.0.1:" + port()));

        assertThat(answer.statusCode()).isEqualTo(403);
        assertThat(server.calls).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"GET http://example.com/", "CONNECT example.com:443"})
    void isNoProxy(String asked) throws Exception {
        assertThat(raw(asked + " HTTP/1.1", "Host: HERE", "Authorization: Bearer SECRET", "Connection: close"))
                .startsWith("HTTP/1.1 400");
        assertThat(server.calls).isEmpty();
    }

    @Test
    void refusesWebSockets() throws Exception {
        assertThat(raw(
                        "GET /llm/openai/v1/realtime HTTP/1.1",
                        "Host: HERE",
                        "Authorization: Bearer SECRET",
                        "Connection: Upgrade",
                        "Upgrade: websocket",
                        "Sec-WebSocket-Version: 13",
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
                .startsWith("HTTP/1.1 400");
        assertThat(server.calls).isEmpty();
    }

    @Test
    void ignoresTheOfferOfHttp2() throws Exception {
        HttpClient offering = HttpClient.newHttpClient(); // offers h2c by itself

        HttpResponse<String> answer = offering.send(authorized(CHAT).build(), HttpResponse.BodyHandlers.ofString());

        assertThat(answer.version()).isEqualTo(HttpClient.Version.HTTP_1_1);
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(server.nextCall().headers()).doesNotContainKeys("upgrade", "http2-settings", "connection");
    }

    @Test
    void carriesABodyWithAndWithoutItsLength() throws Exception {
        server.gateway(request ->
                request.body().onSuccess(body -> PretendServer.answer(request, 200, "text/plain", body.toString())));
        String large = "x".repeat(3 << 20);

        HttpResponse<String> measured = send(authorized(CHAT).POST(text(large)));
        HttpResponse<String> chunked =
                send(authorized(CHAT).POST(HttpRequest.BodyPublishers.fromPublisher(text(large))));

        assertThat(measured.body()).isEqualTo(large);
        assertThat(chunked.body()).isEqualTo(large);
        assertThat(server.nextCall().header("content-length")).isEqualTo(String.valueOf(large.length()));
        assertThat(server.nextCall().header("transfer-encoding")).isEqualTo("chunked");
    }

    @Test
    void asksForTheBodyOfThoseWhoWaitToBeAsked() throws Exception {
        server.gateway(request ->
                request.body().onSuccess(body -> PretendServer.answer(request, 200, "text/plain", body.toString())));

        HttpResponse<String> answer = send(authorized(CHAT).expectContinue(true).POST(text("body")));

        assertThat(answer.body()).isEqualTo("body");
        assertThat(server.nextCall().headers()).doesNotContainKey("expect");
    }

    @Test
    void handsOnAStreamAsItComes() throws Exception {
        CompletableFuture<Void> firstIsRead = new CompletableFuture<>();
        server.gateway(request -> {
            request.response().setChunked(true).putHeader("content-type", "text/event-stream");
            request.response().write("data: one\n\n");
            var _ = firstIsRead.thenRun(() -> request.response().end("data: two\n\n"));
        });

        HttpResponse<InputStream> answer =
                http.send(authorized(CHAT).build(), HttpResponse.BodyHandlers.ofInputStream());
        try (InputStream body = answer.body()) {
            assertThat(new String(body.readNBytes(11), StandardCharsets.UTF_8)).isEqualTo("data: one\n\n");
            firstIsRead.complete(null);
            assertThat(new String(body.readAllBytes(), StandardCharsets.UTF_8)).isEqualTo("data: two\n\n");
        }
    }

    @Test
    void handsOnTheHeadOfAStreamThatIsSilent() throws Exception {
        CompletableFuture<Void> headIsRead = new CompletableFuture<>();
        server.gateway(request -> {
            request.response().setChunked(true).putHeader("content-type", "text/event-stream");
            request.response().writeHead();
            var _ = headIsRead.thenRun(() -> request.response().end());
        });

        HttpResponse<InputStream> answer =
                http.send(authorized("/mcp/tools").build(), HttpResponse.BodyHandlers.ofInputStream());

        assertThat(answer.statusCode()).isEqualTo(200);
        headIsRead.complete(null);
        assertThat(answer.body().readAllBytes()).isEmpty();
    }

    @Test
    void sendsNoMoreThanIsRead() throws Exception {
        CountDownLatch filled = new CountDownLatch(1);
        CompletableFuture<Long> sent = new CompletableFuture<>();
        long wanted = 64L << 20;
        server.gateway(request -> pour(request, wanted, filled, sent));

        HttpResponse<InputStream> answer =
                http.send(authorized(CHAT).build(), HttpResponse.BodyHandlers.ofInputStream());
        try (InputStream body = answer.body()) {
            assertThat(filled.await(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
            TimeUnit.MILLISECONDS.sleep(500); // all buffers on the way have had the time to fill
            assertThat(sent).isNotDone();
            long read = 0;
            byte[] buffer = new byte[1 << 16];
            for (int n = body.read(buffer); n >= 0; n = body.read(buffer)) {
                read += n;
            }
            assertThat(read).isEqualTo(wanted);
        }
    }

    private static void pour(
            HttpServerRequest request, long wanted, CountDownLatch filled, CompletableFuture<Long> sent) {
        var response = request.response().setChunked(true);
        Buffer piece = Buffer.buffer(new byte[1 << 16]);
        long[] done = {0};
        Runnable[] more = new Runnable[1];
        more[0] = () -> {
            while (done[0] < wanted && !response.writeQueueFull()) {
                response.write(piece);
                done[0] += piece.length();
            }
            if (done[0] < wanted) {
                filled.countDown();
                response.drainHandler(_ -> more[0].run());
            } else {
                sent.complete(done[0]);
                response.end();
            }
        };
        more[0].run();
    }

    @Test
    void cancelsAtTheGatewayWhatTheProgramGivesUp() throws Exception {
        CompletableFuture<Void> cancelled = new CompletableFuture<>();
        server.gateway(request -> {
            request.response().closeHandler(_ -> cancelled.complete(null));
            request.response().setChunked(true).write("data: one\n\n");
        });

        HttpResponse<InputStream> answer =
                http.send(authorized(CHAT).POST(text("{}")).build(), HttpResponse.BodyHandlers.ofInputStream());
        assertThat(answer.body().read()).isEqualTo('d');
        answer.body().close();

        assertThat(cancelled).succeedsWithin(Duration.ofSeconds(PATIENCE_SECONDS));
    }

    @Test
    void cutsAnAnswerThatTheGatewayCuts() throws Exception {
        server.gateway(request -> {
            request.response().setChunked(true).write("data: one\n\n");
            request.connection().close();
        });

        String heard = raw("GET " + CHAT + " HTTP/1.1", "Host: HERE", "Authorization: Bearer SECRET");

        assertThat(heard).startsWith("HTTP/1.1 200").doesNotEndWith("0\r\n\r\n");
    }

    @Test
    void saysWhenTheGatewayIsAway() throws Exception {
        server.close();

        HttpResponse<String> answer = send(authorized(CHAT));

        assertThat(answer.statusCode()).isEqualTo(502);
        assertThat(answer.body()).contains("upstream_unavailable");
        assertThat(sidecar.calls()).isZero();
    }

    @Test
    void renewsOnceAndSendsAgainWhatTheGatewayFoundTooOld() throws Exception {
        server.gateway(request -> request.body().onSuccess(body -> {
            if ("DPoP token-1".equals(request.getHeader("authorization"))) {
                PretendServer.ranOut(request);
            } else {
                PretendServer.answer(request, 200, "text/plain", body.toString());
            }
        }));

        HttpResponse<String> answer = send(authorized(CHAT).POST(text("{\"all\":\"of it\"}")));

        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.body()).isEqualTo("{\"all\":\"of it\"}");
        assertThat(server.calls).hasSize(2);
        assertThat(sidecar.calls()).isEqualTo(1);
        assertThat(server.forms).hasSize(1).first().satisfies(form -> assertThat(form.fields())
                .containsEntry("grant_type", "refresh_token")
                .containsEntry("resource", server.base() + "/gateway"));
    }

    @Test
    void sendsAgainOnceOnly() throws Exception {
        server.gateway(PretendServer::ranOut);

        HttpResponse<String> answer = send(authorized(CHAT).POST(text("{}")));

        assertThat(answer.statusCode()).isEqualTo(401);
        assertThat(server.calls).hasSize(2);
    }

    @Test
    void neverSendsAgainABodyThatHasPassed() throws Exception {
        server.gateway(request -> request.body().onSuccess(_ -> PretendServer.ranOut(request)));

        HttpResponse<String> unknownLength =
                send(authorized(CHAT).POST(HttpRequest.BodyPublishers.fromPublisher(text("{}"))));
        HttpResponse<String> tooLong =
                send(authorized(CHAT).POST(text("x".repeat(SidecarRelay.MAX_REPLAYED_BYTES + 1))));

        assertThat(List.of(unknownLength, tooLong))
                .extracting(HttpResponse::statusCode)
                .containsOnly(401);
        assertThat(server.calls).hasSize(2);
    }

    @ParameterizedTest
    @ValueSource(ints = {401, 403, 429, 500, 502, 503})
    void neverSendsAgainForAnotherReason(int status) throws Exception {
        server.gateway(request -> PretendServer.answer(request, status, "application/json", "{}"));

        assertThat(send(authorized(CHAT).POST(text("{}"))).statusCode()).isEqualTo(status);
        assertThat(server.calls).hasSize(1);
    }

    @Test
    void renewsBeforeItSendsWhenItOverslept() throws Exception {
        restart(Duration.ofSeconds(-1));
        String old = "token-2";

        assertThat(send(authorized(CHAT)).statusCode()).isEqualTo(200);

        PretendServer.Call call = server.nextCall();
        assertThat(call.header("authorization")).isNotEqualTo("DPoP " + old); // by its own renewal or the timer's
        assertThat(server.calls).isEmpty();
    }

    @Test
    void saysThatTheTaskIsOver() throws Exception {
        task.end();

        HttpResponse<String> answer = send(authorized(CHAT));

        assertThat(answer.statusCode()).isEqualTo(401);
        assertThat(answer.body()).contains("task_ended");
        assertThat(server.calls).isEmpty();
    }

    @Test
    void renewsOnceForManyAtTheSameTime() throws Exception {
        server.gateway(request -> {
            if ("DPoP token-1".equals(request.getHeader("authorization"))) {
                PretendServer.ranOut(request);
            } else {
                PretendServer.answer(request, 200, "text/plain", request.uri());
            }
        });

        List<CompletableFuture<HttpResponse<String>>> all = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            all.add(http.sendAsync(authorized("/http/tickets/" + i).build(), HttpResponse.BodyHandlers.ofString()));
        }

        assertThat(all.stream().map(answer -> answer.orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS)
                        .join()
                        .body()))
                .containsExactlyElementsOf(IntStream.range(0, 40)
                        .mapToObj(i -> "/http/tickets/" + i)
                        .toList());
        assertThat(server.forms).hasSizeLessThan(5);
    }

    private void restart(Duration left) {
        sidecar.close().await();
        task.close();
        task = running(left);
        sidecar = started();
    }

    private RunningTask running(Duration left) {
        Instant now = Instant.now();
        String token = "token-" + server.tokens.incrementAndGet();
        return new RunningTask(
                new AuthorityClient(server.base(), new AgentCredential.PrivateKey("local", key), key),
                new HeldDelegation(
                        token,
                        true,
                        new TaskId(PretendServer.TASK_ID),
                        PretendServer.task(),
                        now.minusSeconds(5),
                        now.plus(left),
                        now.plusSeconds(3_600),
                        Optional.of(PretendServer.RENEWAL)),
                Optional.of(server.base() + "/gateway"));
    }

    private Sidecar started() {
        return Sidecar.start(vertx, Sidecar.Gateway.at(server.base()), task).await();
    }

    private String port() {
        return String.valueOf(sidecar.address().getPort());
    }

    private HttpRequest.Builder at(String path) {
        return HttpRequest.newBuilder(URI.create(sidecar.address() + path))
                .timeout(Duration.ofSeconds(PATIENCE_SECONDS));
    }

    private HttpRequest.Builder authorized(String path) {
        return at(path).header("Authorization", "Bearer " + sidecar.secret());
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    private static HttpRequest.BodyPublisher text(String body) {
        return HttpRequest.BodyPublishers.ofString(body);
    }

    private static Map<String, ?> proof(PretendServer.Call call) throws Json.Malformed {
        String payload = call.header("dpop").split("\\.")[1];
        return Json.readObject(Base64.getUrlDecoder().decode(payload));
    }

    /** Everything that comes back to these lines, up to the end of the connection. */
    private String raw(String... lines) throws IOException {
        String request = (String.join("\r\n", lines) + "\r\n\r\n")
                .replace("HERE", "127.0.0.1:" + port())
                .replace("PORT", port())
                .replace("SECRET", sidecar.secret());
        try (Socket socket =
                new Socket(InetAddress.getLoopbackAddress(), sidecar.address().getPort())) {
            socket.setSoTimeout((int) Duration.ofSeconds(PATIENCE_SECONDS).toMillis());
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            byte[] heard = new byte[4_096];
            StringBuilder all = new StringBuilder();
            for (int n = socket.getInputStream().read(heard);
                    n >= 0;
                    n = socket.getInputStream().read(heard)) {
                all.append(new String(heard, 0, n, StandardCharsets.UTF_8));
                if (all.indexOf("HTTP/1.1 4") == 0) {
                    break; // the connection may stay
                }
            }
            return all.toString();
        }
    }
}
