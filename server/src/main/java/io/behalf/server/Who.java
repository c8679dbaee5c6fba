package io.behalf.server;

import io.behalf.authority.Identities.Identity;
import io.behalf.authority.Person;
import io.behalf.core.delegation.ApprovedTask;
import java.util.Optional;

/** The person behind a task, where that can be opened and is what the records commit to. */
sealed interface Who {
    /** @param text what the person read, where it is the text that the record has the digest of */
    record Named(Person person, Optional<String> text) implements Who {}

    /** Nobody is named here: not kept, erased, or there is no person. */
    record Closed() implements Who {}

    /** The store names somebody, or a text, to whom or which no record commits: whoever wrote it cannot be believed. */
    record Contradicted() implements Who {}

    static Who of(TaskStory story, Optional<Identity> opened) {
        Optional<Person> person = opened.flatMap(Identity::person);
        if (person.isEmpty() || story.approvals().isEmpty()) {
            return new Closed();
        }
        ApprovedTask approved = opened.get().approved();
        boolean committed = story.approvals().stream()
                .flatMap(approval -> approval.subjectCommitment().stream())
                .anyMatch(opened.get()::commits);
        boolean read = story.approvals().stream()
                .flatMap(approval -> approval.taskS256().stream())
                .anyMatch(approved.s256()::equals);
        return committed && read ? new Named(person.get(), Optional.of(approved.text())) : new Contradicted();
    }
}
