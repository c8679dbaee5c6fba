package io.behalf.server.kill;

import io.behalf.core.record.AuditRecord.End;
import io.behalf.server.kill.Told.Arrived;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What everybody was told and what came to the upstreams, held against the ledger of a server that was killed and has
 * started again. Nothing may be under way meanwhile.
 */
final class Promises {
    static final String NOT_LOST = "no acknowledged record is lost";
    static final String NO_CALL = "no record, no call";
    static final String CLOSED = "every call has one end after a start";
    static final String REMEMBERED = "what was acknowledged is remembered";

    private final LedgerFacts ledger;
    private final List<Violation> violations = new ArrayList<>();

    private Promises(LedgerFacts ledger) {
        this.ledger = ledger;
    }

    static List<Violation> broken(List<Told> told, List<Arrived> arrived, LedgerFacts ledger) {
        var promises = new Promises(ledger);
        told.forEach(promises::check);
        arrived.forEach(promises::check);
        ledger.open().forEach(intent -> promises.broken(CLOSED, intent + " is still open"));
        ledger.endedTwice().forEach(intent -> promises.broken(CLOSED, intent + " has two"));
        return List.copyOf(promises.violations);
    }

    private void check(Told told) {
        switch (told) {
            case Told.Answered(var record, var status, var allowed) -> {
                if (!allowed) {
                    isOfKind(record, "refusal");
                } else if (isOfKind(record, "intent")) {
                    hasItsOutcome(record, status);
                }
            }
            case Told.Cut(var record) -> isOfKind(record, "intent");
            case Told.Issued(var jti) -> must(ledger.hasToken(jti), "the delegation " + jti + " is on no record");
            case Told.Kept(var record) -> isOfKind(record, "downstream");
            case Told.Stopped(var task) -> must(ledger.isStopped(task), "no record says that " + task + " was stopped");
            case Told.LoggedOut(var task, var token) ->
                must(ledger.hasLogout(task, token), "no record of the logout under " + task);
        }
    }

    private boolean isOfKind(String record, String kind) {
        Optional<String> known = ledger.kind(record);
        if (known.isEmpty()) {
            broken(NOT_LOST, record + " is not in the ledger, a " + kind + " was told");
        } else if (!known.get().equals(kind)) {
            broken(NOT_LOST, record + " is no " + kind + " but " + known.get());
        }
        return known.filter(kind::equals).isPresent();
    }

    /** A whole answer was released after its outcome was durable. */
    private void hasItsOutcome(String intent, int status) {
        Optional<End> end = ledger.end(intent);
        if (end.isEmpty()) {
            broken(NOT_LOST, "the outcome of " + intent + " is not in the ledger, its answer came whole");
        } else if (status / 100 == 2 && end.get() != End.COMPLETE) {
            broken(NOT_LOST, intent + " was answered " + status + " and whole, its outcome says " + end.get());
        }
    }

    private void check(Arrived arrived) {
        String what = "a request to " + arrived.path() + " of trace " + arrived.trace();
        if (!ledger.hasIntentOfTrace(arrived.trace())) {
            broken(NO_CALL, what + " came to an upstream, and the ledger has no intent of it");
        }
        arrived.record()
                .filter(record -> !ledger.kind(record).equals(Optional.of("intent")))
                .ifPresent(record -> broken(NO_CALL, what + " named " + record + ", which is no intent of the ledger"));
    }

    private void must(boolean kept, String otherwise) {
        if (!kept) {
            broken(REMEMBERED, otherwise);
        }
    }

    private void broken(String promise, String found) {
        violations.add(new Violation(promise, found));
    }
}
