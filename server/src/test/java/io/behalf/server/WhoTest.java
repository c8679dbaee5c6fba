package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.authority.Identities.Identity;
import io.behalf.authority.Person;
import io.behalf.core.delegation.ApprovedTask;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerSettings;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WhoTest {
    private static final String SALT = "A".repeat(43);
    private static final Person ALICE =
            new Person("corp", "https://login.example", "alice-1", Optional.of("Alice Example"), Optional.empty());
    private static final ApprovedTask APPROVED = new ApprovedTask(
            "apr_01JNCCCCCCCCCCCCCCCCCCCCCC",
            WrittenTask.AGENT,
            new Scope(List.of(Permission.of("tickets", List.of("tickets.read")))),
            Limits.NONE,
            Instant.parse("2026-03-01T18:00:00Z"),
            "ticket-agent may act for you.",
            "en",
            SALT);

    @TempDir
    private Path data;

    @Test
    void namesThePersonToWhomTheRecordCommits() {
        TaskStory story = storyOf(ALICE, APPROVED);

        Who who = Who.of(story, Optional.of(identity(ALICE, APPROVED)));

        assertThat(who).isEqualTo(new Who.Named(ALICE, Optional.of("ticket-agent may act for you.")));
        assertThat(StoryText.of(story, who))
                .contains("Alice Example   (corp:alice-1)")
                .contains("approved by Alice Example")
                .contains("| ticket-agent may act for you.");
    }

    @Test
    void doesNotNameSomebodyElse() {
        TaskStory story = storyOf(ALICE, APPROVED);
        Person mallory = new Person("corp", "https://login.example", "mallory", Optional.empty(), Optional.empty());

        Who who = Who.of(story, Optional.of(identity(mallory, APPROVED)));

        assertThat(who).isInstanceOf(Who.Contradicted.class);
        assertThat(StoryText.of(story, who))
                .contains("THE STORE NAMES SOMEBODY")
                .doesNotContain("mallory");
    }

    @Test
    void doesNotShowAnotherText() {
        ApprovedTask other = new ApprovedTask(
                APPROVED.approvalId(),
                APPROVED.agent(),
                APPROVED.scope(),
                APPROVED.limits(),
                APPROVED.end(),
                "ticket-agent may read one ticket.",
                "en",
                SALT);
        assertThat(Who.of(storyOf(ALICE, APPROVED), Optional.of(identity(ALICE, other))))
                .isInstanceOf(Who.Contradicted.class);
    }

    @Test
    void namesNobodyWhereThePersonWasErased() {
        Identity erased = new Identity(Optional.empty(), Optional.empty(), APPROVED, Optional.empty());
        TaskStory story = storyOf(ALICE, APPROVED);
        assertThat(Who.of(story, Optional.of(erased))).isInstanceOf(Who.Closed.class);
        assertThat(StoryText.of(story, new Who.Closed()))
                .contains("not named here")
                .doesNotContain("Alice");
    }

    private static Identity identity(Person person, ApprovedTask approved) {
        return new Identity(Optional.of(person), Optional.of(SALT), approved, Optional.empty());
    }

    private TaskStory storyOf(Person person, ApprovedTask approved) {
        WrittenTask task;
        try (EmbeddedLedger ledger = EmbeddedLedger.open(LedgerSettings.in(data).withOrigin("behalf.test/who"))) {
            task = new WrittenTask(ledger, 1);
            task.approved(Map.of("subject_commitment", commitment(person), "task_s256", approved.s256()));
        }
        try (DataReader reader = DataReader.open(data)) {
            return reader.logs().getFirst().story(task.task);
        }
    }

    /** What the approval commits to: SHA-256(salt ‖ canonical identity). */
    private static String commitment(Person person) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(Base64.getUrlDecoder().decode(SALT));
            return HexFormat.of().formatHex(digest.digest(person.canonical()));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
