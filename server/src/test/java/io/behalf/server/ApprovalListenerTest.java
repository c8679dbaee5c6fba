package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.sdk.ApprovalRequest;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ApprovalListenerTest {
    private static final String ISSUER = "http://127.0.0.1:8700";
    private static final String STATE = "state-of-this-request";
    private static final String FITTING = "state=" + STATE + "&iss=http%3A%2F%2F127.0.0.1%3A8700";
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final Vertx vertx = Vertx.vertx();
    private final ApprovalListener listener = ApprovalListener.open(vertx);
    private CompletableFuture<Optional<ApprovalListener.Came>> came = new CompletableFuture<>();

    @BeforeEach
    void await() {
        ApprovalRequest request = new ApprovalRequest(
                URI.create(ISSUER + "/oauth/authorize"),
                Instant.now().plusSeconds(90),
                STATE,
                "verifier",
                listener.redirect());
        came = CompletableFuture.supplyAsync(() -> {
            try {
                return listener.await(request, ISSUER, PATIENCE);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        while (visit("GET", "/callback", "HERE").startsWith("HTTP/1.1 404")) {
            Thread.onSpinWait(); // until it is waited for
        }
    }

    @AfterEach
    void stop() {
        listener.close();
        vertx.close().await();
    }

    @Test
    void takesTheCode() {
        assertTakesTheCode();
    }

    private void assertTakesTheCode() {
        assertThat(visit("GET", "/callback?code=abc&" + FITTING, "HERE")).startsWith("HTTP/1.1 200");
        assertThat(came.join()).contains(new ApprovalListener.Came.Approved("abc"));
    }

    @Test
    void takesTheNo() {
        visit("GET", "/callback?error=access_denied&error_description=The+person+refused.&" + FITTING, "HERE");
        assertThat(came.join()).contains(new ApprovalListener.Came.Denied("access_denied", "The person refused."));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/callback?code=abc",
                "/callback?code=abc&state=guess&iss=http%3A%2F%2F127.0.0.1%3A8700",
                "/callback?code=abc&state=" + STATE, // RFC 9207: of whichever authority
                "/callback?code=abc&state=" + STATE + "&iss=http%3A%2F%2Fevil.example",
                "/callback?code=abc&code=def&" + FITTING,
                "/callback?code=abc&error=access_denied&" + FITTING,
                "/callback?error=access_denied&state=guess&iss=http%3A%2F%2F127.0.0.1%3A8700",
                "/callback?" + FITTING,
                "/?code=abc&" + FITTING
            })
    void goesOnWaitingAfterWhatIsNoAnswer(String target) {
        assertThat(visit("GET", target, "HERE")).startsWith("HTTP/1.1 4");
        assertThat(came).isNotDone();

        assertTakesTheCode();
    }

    @Test
    void answersOnlyUnderItsOwnNameAndOnlyToVisits() {
        assertThat(visit("GET", "/callback?code=abc&" + FITTING, "evil.example"))
                .startsWith("HTTP/1.1 404");
        assertThat(visit("POST", "/callback?code=abc&" + FITTING, "HERE")).startsWith("HTTP/1.1 404");
        assertThat(came).isNotDone();
    }

    @Test
    void keepsTheCodeOutOfWhatThePageSendsOn() {
        assertThat(visit("GET", "/callback?code=abc&" + FITTING, "HERE"))
                .containsIgnoringCase("referrer-policy: no-referrer")
                .containsIgnoringCase("cache-control: no-store")
                .doesNotContain("abc");
    }

    private String visit(String method, String target, String host) {
        int port = listener.redirect().getPort();
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout((int) PATIENCE.toMillis());
            socket.getOutputStream()
                    .write((method + " " + target + " HTTP/1.1\r\nHost: " + host.replace("HERE", "127.0.0.1:" + port)
                                    + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
