package io.behalf.sdk;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.jose.SigningKey;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** An authority that has enough of one agent: the agent loses no task by it. */
@Tag("slow")
final class SlowedDownRenewalTest {
    private static final String URL = "https://gateway.example/mcp/tickets";
    private static final Instant END = Instant.parse("2099-01-01T00:00:00Z");

    @Test
    void isTriedAgainByItself() throws Exception {
        SigningKey key = SigningKey.generate();
        try (var authority = new PretendAuthority()) {
            authority.replies(429, Map.of("error", "slow_down"));
            authority.replies(
                    200,
                    PretendAuthority.granted(
                            "second.token.here", AuthorityClientTest.task(), 300, END, Optional.empty()));
            var client =
                    new AuthorityClient(authority.issuer(), new AgentCredential.PrivateKey("ticket-agent", key), key);
            try (RunningTask task = new RunningTask(client, AuthorityClientTest.held(2), Optional.empty())) {
                assertThat(authority.requests.poll(10, TimeUnit.SECONDS)).isNotNull();
                assertThat(task.delegation()).isPresent();
                assertThat(authority.requests.poll(RunningTask.RETRY_AFTER.toSeconds() + 10, TimeUnit.SECONDS))
                        .isNotNull();

                Instant deadline = Instant.now().plusSeconds(5);
                while (!(task.attach("GET", URL) instanceof Attached.Headers)
                        && Instant.now().isBefore(deadline)) {
                    Thread.onSpinWait();
                }
                assertThat(task.attach("GET", URL))
                        .isInstanceOfSatisfying(Attached.Headers.class, with -> assertThat(with.headers())
                                .containsEntry("Authorization", "DPoP second.token.here"));
            }
        }
    }
}
