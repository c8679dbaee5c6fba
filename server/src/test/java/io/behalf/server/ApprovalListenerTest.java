package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.sdk.Answer;
import io.behalf.sdk.ApprovalRequest;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ApprovalListenerTest {
    private static final String ISSUER = "http://127.0.0.1:8700";
    private static final Duration GOOD_FOR = Duration.ofSeconds(90);
    private static final String FITTING = "state=state-1&iss=http%3A%2F%2F127.0.0.1%3A8700";
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final Vertx vertx = Vertx.vertx();
    private final TestClock clock = new TestClock();
    private final ApprovalListener listener = new ApprovalListener(vertx, ISSUER, clock);
    private final AtomicInteger pushed = new AtomicInteger();
    private volatile boolean authorityAnswers = true;
    private CompletableFuture<Optional<ApprovalListener.Came>> came = new CompletableFuture<>();

    @BeforeEach
    void await() {
        listener.expect(push(), this::answer);
        came = CompletableFuture.supplyAsync(() -> {
            try {
                return listener.await(PATIENCE);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
    }

    private Answer<ApprovalRequest> answer() {
        return authorityAnswers ? new Answer.Granted<>(push()) : new Answer.NoAnswer<>("away");
    }

    private ApprovalRequest push() {
        int number = pushed.incrementAndGet();
        return new ApprovalRequest(
                URI.create(page(number)),
                clock.instant().plus(GOOD_FOR),
                "state-" + number,
                "verifier-" + number,
                listener.redirect());
    }

    private static String page(int number) {
        return ISSUER + "/oauth/authorize?request_uri=" + number;
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
        assertThat(came.join()).hasValueSatisfying(answer -> assertThat(answer)
                .isInstanceOfSatisfying(ApprovalListener.Came.Approved.class, approved -> {
                    assertThat(approved.code()).isEqualTo("abc");
                    assertThat(approved.request().verifier()).isEqualTo("verifier-1");
                }));
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
                "/callback?code=abc&state=state-1", // RFC 9207: of whichever authority
                "/callback?code=abc&state=state-1&iss=http%3A%2F%2Fevil.example",
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

    @Test
    void sendsTheFirstVisitorOnWithTheRequestThatWasMade() {
        assertThat(setOut()).contains("302 Found", "location: " + page(1) + "\r\n");
        assertThat(pushed).hasValue(1);
    }

    /** The authority's requests are good for a minute and a half; a person may be at lunch. */
    @Test
    void makesAnotherRequestForWhoComesLate() {
        clock.pass(GOOD_FOR);

        assertThat(setOut()).contains("302 Found", "location: " + page(2) + "\r\n");
        assertThat(visit("GET", "/callback?code=late&" + FITTING.replace("state-1", "state-2"), "HERE"))
                .startsWith("HTTP/1.1 200");
        assertThat(came.join()).hasValueSatisfying(answer -> assertThat(answer)
                .isInstanceOfSatisfying(
                        ApprovalListener.Came.Approved.class,
                        approved -> assertThat(approved.request().verifier()).isEqualTo("verifier-2")));
    }

    @Test
    void makesAnotherRequestWhereTheTimeLeftWouldNotDo() {
        clock.pass(GOOD_FOR.minusSeconds(5));

        assertThat(setOut()).contains("location: " + page(2) + "\r\n");
    }

    /** A request is good once: whoever loads the page again would meet an error of the authority's. */
    @Test
    void makesAnotherRequestForEachVisitAndTakesTheAnswerToAny() {
        assertThat(setOut()).contains("location: " + page(1) + "\r\n");
        assertThat(setOut()).contains("location: " + page(2) + "\r\n");
        assertThat(setOut()).contains("location: " + page(3) + "\r\n");

        assertTakesTheCode();
    }

    @Test
    void makesNoRequestForWhoDoesNotKnowThePage() {
        String path = listener.page().getPath();
        for (String guess :
                List.of("/approve", "/approve/", "/approve/guess", path + "/", path.toUpperCase(Locale.ROOT))) {
            assertThat(visit("GET", guess, "HERE")).as(guess).startsWith("HTTP/1.1 404");
        }
        assertThat(visit("POST", path, "HERE")).startsWith("HTTP/1.1 404");
        assertThat(visit("GET", path, "evil.example")).startsWith("HTTP/1.1 404");
        clock.pass(GOOD_FOR);
        assertThat(visit("HEAD", path, "HERE")).startsWith("HTTP/1.1 404");

        assertThat(pushed).hasValue(1);
    }

    @Test
    void makesNoRequestsWithoutEnd() {
        for (int visit = 1; visit <= ApprovalListener.MOST_REQUESTS; visit++) {
            assertThat(setOut()).startsWith("HTTP/1.1 302");
        }
        assertThat(setOut()).startsWith("HTTP/1.1 429").contains("Run the command again.");

        assertThat(pushed).hasValue(ApprovalListener.MOST_REQUESTS);
        assertTakesTheCode();
    }

    @Test
    void goesOnWaitingWhereTheAuthorityCannotBeAsked() {
        clock.pass(GOOD_FOR);
        authorityAnswers = false;
        assertThat(setOut()).startsWith("HTTP/1.1 502").doesNotContain("location", "away");
        assertThat(came).isNotDone();

        authorityAnswers = true;
        assertThat(setOut()).contains("location: " + page(2) + "\r\n");
    }

    @Test
    void keepsTheWayToThePageOutOfWhatItSendsOn() {
        assertThat(setOut())
                .containsIgnoringCase("referrer-policy: no-referrer")
                .containsIgnoringCase("cache-control: no-store");
    }

    @Test
    void whoeverHoldsConnectionsMakesRoomForThePerson() throws IOException {
        List<Socket> silent = new ArrayList<>();
        try {
            for (int i = 0; i < 2 * ApprovalListener.CONNECTIONS.most(); i++) {
                silent.add(new Socket(
                        InetAddress.getLoopbackAddress(), listener.redirect().getPort()));
            }
            assertTakesTheCode();
            for (Socket one : silent.subList(0, ApprovalListener.CONNECTIONS.most())) {
                one.setSoTimeout((int) PATIENCE.toMillis());
                assertThat(one.getInputStream().read()).isNegative();
            }
        } finally {
            for (Socket one : silent) {
                one.close();
            }
        }
    }

    @Test
    void whatIsNoRequestEndsItsConnection() {
        assertThat(visit("GET", "/ and more", "HERE")).contains(" 400 Bad Request");
        assertThat(came).isNotDone();
    }

    private String setOut() {
        return visit("GET", listener.page().getPath(), "HERE");
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
