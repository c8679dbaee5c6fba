package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.SigningKey;
import io.behalf.gateway.Connections;
import io.behalf.sdk.AgentCredential;
import io.behalf.sdk.AuthorityClient;
import io.behalf.sdk.HeldDelegation;
import io.behalf.sdk.RunningTask;
import io.vertx.core.Vertx;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Other processes of this machine can reach a run's sidecar: without its secret they get nothing, wherever they ask. */
class SidecarStrangersTest {
    private static final List<String> METHODS =
            List.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND");
    private static final String MODELS = "/llm/openai/v1/models";

    private final Vertx vertx = Vertx.vertx();
    private final PretendServer server = new PretendServer();
    private final RunningTask task = running();
    private final Sidecar sidecar = sidecar();
    private final Sidecar another = sidecar();
    private Socket socket;
    private BufferedReader answers;

    @BeforeEach
    void connect() throws IOException {
        socket = new Socket(InetAddress.getLoopbackAddress(), sidecar.address().getPort());
        socket.setSoTimeout((int) Duration.ofSeconds(10).toMillis());
        answers = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
    }

    @AfterEach
    void stop() throws IOException {
        socket.close();
        sidecar.close().await();
        another.close().await();
        task.close();
        vertx.close().await();
        server.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/",
                MODELS,
                "/llm/openai/v1/chat/completions",
                "/llm/anthropic/v1/messages",
                "/mcp/tools",
                "/http/tickets/tickets/1",
                "/oauth/token",
                "/oauth/jwks",
                "/api/v1/tasks",
                "/.well-known/oauth-authorization-server",
                "/.well-known/oauth-protected-resource/mcp/tools",
                "/ledger/main/checkpoint",
                "/health/live",
                "/health/ready",
                "/metrics",
                "/verify",
                "/console/",
                "/%2e%2e/",
                "/llm/../api/v1/tasks",
                "/?key=",
                "//llm/openai/v1/models"
            })
    void noPathIsOpenToWhoeverDoesNotKnowTheSecret(String path) throws IOException {
        for (String method : METHODS) {
            for (String shown : List.of("", "Authorization: Bearer " + another.secret() + "\r\n")) {
                assertThat(ask(method, path, shown)).as(method + " " + shown).isEqualTo(401);
            }
        }
        assertThat(server.calls).isEmpty();
        assertThat(server.forms).isEmpty();
        assertThat(sidecar.calls()).isZero();
    }

    @Test
    void nearlyTheSecretIsNotTheSecret() throws IOException {
        String secret = sidecar.secret();
        for (String guess : List.of(
                secret.substring(1),
                secret.substring(0, secret.length() - 1),
                secret + "x",
                secret.toUpperCase(Locale.ROOT),
                secret + ", " + secret,
                "token-1",
                "")) {
            for (String header : List.of("Authorization: Bearer ", "Authorization: DPoP ", "x-api-key: ")) {
                assertThat(ask("GET", MODELS, header + guess + "\r\n"))
                        .as(header)
                        .isEqualTo(401);
            }
        }
        assertThat(ask("GET", MODELS, "Proxy-Authorization: Bearer " + secret + "\r\n"))
                .isEqualTo(401);
        assertThat(ask("GET", MODELS, "X-Behalf-Delegation: " + secret + "\r\n"))
                .isEqualTo(401);
        assertThat(server.calls).isEmpty();
    }

    @Test
    void theSecretIsGoodForItsRequestAndNotForItsConnection() throws IOException {
        String shown = "Authorization: Bearer " + sidecar.secret() + "\r\n";
        assertThat(ask("GET", MODELS, shown)).isEqualTo(200);
        assertThat(ask("GET", MODELS, "")).isEqualTo(401);
        assertThat(ask("GET", MODELS, shown)).isEqualTo(200);
        assertThat(server.calls).hasSize(2);
    }

    private int ask(String method, String path, String headers) throws IOException {
        String request = method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1:"
                + sidecar.address().getPort() + "\r\n" + headers + "\r\n";
        socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
        String status = answers.readLine();
        assertThat(status).as(method + " " + path).isNotNull();
        int length = 0;
        for (String line = answers.readLine(); line != null && !line.isEmpty(); line = answers.readLine()) {
            assertThat(line).doesNotContain("token-").doesNotContain(sidecar.secret());
            if (line.toLowerCase(Locale.ROOT).startsWith("content-length:")) {
                length = Integer.parseInt(line.substring(15).strip());
            }
        }
        StringBuilder body = new StringBuilder();
        while (!method.equals("HEAD") && body.length() < length) {
            body.append((char) answers.read());
        }
        assertThat(body).doesNotContain("token-").doesNotContain(sidecar.secret());
        return Integer.parseInt(status.split(" ", -1)[1]);
    }

    private RunningTask running() {
        SigningKey key = SigningKey.generate();
        Instant now = Instant.now();
        return new RunningTask(
                new AuthorityClient(server.base(), new AgentCredential.PrivateKey("local", key), key),
                new HeldDelegation(
                        "token-1",
                        true,
                        new TaskId(PretendServer.TASK_ID),
                        PretendServer.task(),
                        now.minusSeconds(5),
                        now.plusSeconds(300),
                        now.plusSeconds(3_600),
                        Optional.of(PretendServer.RENEWAL)),
                Optional.of(server.base() + "/gateway"));
    }

    /** Whoever holds connections of it, or says nothing on them, shuts the run's own programs out no longer than a moment. */
    @Test
    void neitherSilentNorManyStrangersShutTheProgramsOut() throws IOException {
        int most = 8;
        var limits = new Connections.Limits(most, Duration.ofSeconds(4), Duration.ofMinutes(1), Duration.ofMinutes(1));
        Sidecar few = Sidecar.start(vertx, Sidecar.Gateway.at(server.base()), task, limits)
                .await();
        List<Socket> strangers = new ArrayList<>();
        try {
            int port = few.address().getPort();
            for (int i = 0; i < 5 * most; i++) {
                strangers.add(new Socket(InetAddress.getLoopbackAddress(), port));
            }
            String request = "GET " + MODELS + " HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\nAuthorization: Bearer "
                    + few.secret() + "\r\nConnection: close\r\n\r\n";
            try (Socket program = new Socket(InetAddress.getLoopbackAddress(), port)) {
                program.setSoTimeout((int) Duration.ofSeconds(10).toMillis());
                program.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
                assertThat(new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                        .startsWith("HTTP/1.1 200");
            }
            for (Socket stranger : strangers) {
                stranger.setSoTimeout((int) Duration.ofSeconds(10).toMillis());
                assertThat(stranger.getInputStream().read()).isNegative();
            }
        } finally {
            for (Socket stranger : strangers) {
                stranger.close();
            }
            few.close().await();
        }
    }

    private Sidecar sidecar() {
        return Sidecar.start(vertx, Sidecar.Gateway.at(server.base()), task).await();
    }
}
