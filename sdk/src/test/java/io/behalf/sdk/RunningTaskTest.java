package io.behalf.sdk;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Checked;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.jose.VerificationKey;
import io.behalf.verifier.DpopProofs;
import java.net.URI;
import java.net.http.HttpRequest;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class RunningTaskTest {
    private static final String URL = "https://gateway.example/mcp/tickets";
    private static final Instant END = Instant.parse("2099-01-01T00:00:00Z");

    private final SigningKey key = SigningKey.generate();
    private PretendAuthority authority;
    private AuthorityClient client;

    @BeforeEach
    void start() throws Exception {
        authority = new PretendAuthority();
        client = new AuthorityClient(authority.issuer(), new AgentCredential.PrivateKey("ticket-agent", key), key);
    }

    @AfterEach
    void stop() {
        authority.close();
    }

    @Test
    void attachesTokenWithItsOwnProofForEachRequest() {
        try (RunningTask task = new RunningTask(client, AuthorityClientTest.held(300), Optional.empty())) {
            Map<String, String> first = headers(task.attach("POST", URL + "?q=1"));
            Map<String, String> second = headers(task.attach("POST", URL));

            assertThat(first).containsEntry("Authorization", "DPoP first.token.here");
            assertThat(first.get("DPoP")).isNotEqualTo(second.get("DPoP"));
            DpopProofs proofs = new DpopProofs();
            for (var headers : List.of(first, second)) {
                Checked<VerificationKey> checked = proofs.check(
                        List.of(headers.get("DPoP")),
                        DpopProofs.Expected.at("POST", URL, "first.token.here", key.thumbprint()),
                        Instant.now());
                assertThat(checked).isInstanceOf(Checked.Passed.class);
            }
        }
    }

    @Test
    void setsHeadersOnARequestOfTheJdksClient() {
        try (RunningTask task = new RunningTask(client, AuthorityClientTest.held(300), Optional.empty())) {
            HttpRequest.Builder request =
                    HttpRequest.newBuilder(URI.create(URL)).method("DELETE", none());

            task.attach(request);

            assertThat(request.build().headers().firstValue("DPoP")).isPresent();
            assertThat(request.build().headers().firstValue("Authorization")).contains("DPoP first.token.here");
        }
    }

    @Test
    void renewsInTimeByItself() throws Exception {
        authority.replies(
                200,
                PretendAuthority.granted("second.token.here", AuthorityClientTest.task(), 300, END, Optional.empty()));
        try (RunningTask task = new RunningTask(client, AuthorityClientTest.held(2), Optional.of(URL))) {
            PretendAuthority.Request renewal = authority.requests.poll(5, TimeUnit.SECONDS);

            assertThat(renewal).isNotNull();
            assertThat(renewal.form())
                    .containsEntry("grant_type", "refresh_token")
                    .containsEntry("refresh_token", "renew-1")
                    .containsEntry("resource", URL);
            Instant deadline = Instant.now().plusSeconds(5);
            while (!headers(task.attach("GET", URL)).containsValue("DPoP second.token.here")
                    && Instant.now().isBefore(deadline)) {
                Thread.onSpinWait();
            }
            assertThat(headers(task.attach("GET", URL))).containsEntry("Authorization", "DPoP second.token.here");
        }
    }

    @Test
    void isOverOnceTheAuthoritySaysSo() {
        authority.replies(400, Map.of("error", "invalid_grant", "error_description", "The task was stopped."));
        try (RunningTask task = new RunningTask(client, AuthorityClientTest.held(300), Optional.empty())) {
            assertThat(task.renew()).isInstanceOf(Answer.Denied.class);

            assertThat(task.attach("GET", URL)).isEqualTo(new Attached.Over("invalid_grant", "The task was stopped."));
            assertThat(task.delegation()).isEmpty();
            assertThat(task.handOver("summarizer", AuthorityClientTest.task())).isInstanceOf(Answer.Denied.class);
        }
    }

    @Test
    void goesOnWithWhatItHoldsWhileTheAuthorityIsInTrouble() {
        authority.replies(503, Map.of("error", "temporarily_unavailable"));
        try (RunningTask task = new RunningTask(client, AuthorityClientTest.held(300), Optional.empty())) {
            task.renew();

            assertThat(task.attach("GET", URL)).isInstanceOf(Attached.Headers.class);
        }
    }

    @Test
    void attachesNothingThatHasExpired() {
        try (RunningTask task = new RunningTask(client, expired(), Optional.empty())) {
            assertThat(task.attach("GET", URL))
                    .isInstanceOfSatisfying(Attached.Over.class, over -> assertThat(over.error())
                            .isEqualTo("delegation_expired"));
        }
    }

    @Test
    void endsTheTask() {
        authority.repliesText(200, "");
        RunningTask task = new RunningTask(client, AuthorityClientTest.held(300), Optional.empty());

        assertThat(task.end()).isEqualTo(new Answer.Granted<>(true));

        assertThat(authority.requests.remove().form()).containsEntry("token", "renew-1");
        assertThat(task.attach("GET", URL)).isInstanceOf(Attached.Over.class);
    }

    private static HeldDelegation expired() {
        HeldDelegation held = AuthorityClientTest.held(300);
        Instant past = Instant.now().minusSeconds(10);
        return new HeldDelegation(
                held.token(), true, held.task(), held.granted(), past, past.plusSeconds(5), END, Optional.empty());
    }

    private static HttpRequest.BodyPublisher none() {
        return HttpRequest.BodyPublishers.noBody();
    }

    private static Map<String, String> headers(Attached attached) {
        return attached.fold(Attached.Headers::headers, over -> {
            throw new AssertionError(over.toString());
        });
    }
}
