package io.behalf.server.kill;

import io.behalf.core.delegation.Reason;
import io.behalf.sdk.Answer;
import io.behalf.sdk.HeldDelegation;
import io.behalf.server.kill.Work.Asked;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;

/**
 * What a program finds when the server is back: everything that was acknowledged holds, what was used up stays so, what was
 * stopped stays stopped. What was asked and not answered may have been heard or not, but it must be one of the two.
 */
final class AfterStart {
    private static final Duration CALLS_DONE_WITHIN = Duration.ofSeconds(30);
    private static final Duration TRY_AGAIN_AFTER = Duration.ofMillis(200);

    private final Work work;
    private final Random random;

    AfterStart(Work work) {
        this.work = work;
        this.random = work.random();
    }

    /** One of a call's ways. */
    private interface Call {
        boolean done() throws InterruptedException;
    }

    void check() throws InterruptedException {
        work.started();
        work.takeUnanswered().ifPresent(this::clear);
        for (WaitingCode code : work.codes()) {
            if (code.isGood()) {
                work.redeem(code);
            } else {
                work.forget(code);
            }
        }
        for (Hold hold : work.over()) {
            staysOver(hold);
        }
        staysUsed();
        if (work.holds().isEmpty()) {
            work.startWithNobody();
        }
        for (Hold hold : work.holds()) {
            isAccepted(hold);
        }
        for (Hold hold : work.holds().stream().skip(Load.MOST_HOLDS).toList()) {
            work.stop(hold);
        }
        if (!work.holds().isEmpty()) {
            Hold hold = work.holds().getFirst();
            // the service hands in first what it could not before the kill
            isDone("a call to the service that keeps records of its own", () -> work.service(hold));
            isDone("a call", () -> work.chat(hold));
        }
        work.unanswered().ifPresent(asked -> broken(asked.deed() + " is not answered after a start"));
    }

    /** What was under way may be asked again, and is known afterwards. */
    private void clear(Asked asked) {
        switch (asked.deed()) {
            case RENEW, ROTATE -> {
                Hold hold = asked.hold().orElseThrow();
                work.renew(hold);
            }
            case STOP -> work.stop(asked.hold().orElseThrow());
            case END -> work.end(asked.hold().orElseThrow());
            case TAKE_OVER -> {
                if (work.takeOver(asked.token()) instanceof Answer.Granted<HeldDelegation>(var held)) {
                    work.tookOver(asked.hold().orElseThrow(), asked.token(), held);
                }
            }
            // nobody holds what may have come of these
            case START, START_WITH_NOBODY, APPROVE, REDEEM, HAND_OVER, LOGOUT -> {}
            case CHAT, STREAM, TOOL, SERVICE, REFUSED -> {}
        }
    }

    private void isAccepted(Hold hold) throws InterruptedException {
        if (hold.isFresh()) {
            isDone("a call", () -> work.chat(hold));
        }
        if (!hold.isBound() && random.nextBoolean()) {
            hold.previous().ifPresent(previous -> answersTheSame(hold, previous));
        }
        work.renew(hold);
        if (hold.part().isPresent()) {
            isAccepted(hold.part().get());
        }
    }

    /** Its successor is unused, as nothing has been renewed since. */
    private void answersTheSame(Hold hold, String previous) {
        switch (hold.renew(previous)) {
            case Answer.Granted<HeldDelegation>(var again) -> {
                if (!again.renewal().equals(hold.held().renewal())) {
                    broken("the renewal token before the last is answered with another one than before");
                }
            }
            case Answer<HeldDelegation> no -> broken("the renewal token before the last is not answered: " + no);
        }
    }

    private void staysOver(Hold hold) throws InterruptedException {
        if (!hold.isFresh()) {
            return;
        }
        String wanted = hold.over().orElseThrow().code();
        Optional<String> why = work.whyRefused(hold);
        if (!why.equals(Optional.of(wanted))) {
            broken(hold.task() + " is over (" + wanted + "), and a call under it says " + why);
        }
        isDenied("the renewal token of a task that is over", hold.renew(hold.renewal()));
        if (hold.part().isPresent()) {
            staysOver(hold.part().get());
        }
    }

    private void staysUsed() {
        work.usedToStart()
                .forEach(token -> isDenied("a provider's token that has started a task", work.startAgain(token)));
        work.usedToTakeOver().forEach(token -> isDenied("a used hand-over token", work.takeOver(token)));
        // both of these end the task, so that they are tried on some only
        for (Hold hold : work.holds()) {
            if (random.nextInt(4) == 0 && hold.usedUp().isPresent()) {
                isDenied(
                        "a renewal token whose successor was used",
                        hold.renew(hold.usedUp().get()));
                work.isOver(hold, Reason.DELEGATION_REVOKED);
            } else if (random.nextInt(4) == 0 && hold.code().isPresent()) {
                isDenied("a used code", work.redeemed(hold.code().get()));
                work.isOver(hold, Reason.DELEGATION_REVOKED);
            }
        }
    }

    private void isDenied(String what, Answer<HeldDelegation> answer) {
        if (answer instanceof Answer.Granted<HeldDelegation>) {
            broken(what + " is accepted");
        }
    }

    private void isDone(String what, Call call) throws InterruptedException {
        long deadline = System.nanoTime() + CALLS_DONE_WITHIN.toNanos();
        int known = work.violations().size();
        while (!call.done() && work.violations().size() == known) {
            if (System.nanoTime() > deadline) {
                broken(what + " is not done after a start");
            }
            Thread.sleep(TRY_AGAIN_AFTER);
        }
    }

    private void broken(String found) {
        work.violated(Promises.REMEMBERED, found);
    }
}
