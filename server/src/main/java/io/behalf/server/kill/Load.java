package io.behalf.server.kill;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BooleanSupplier;

/** Mixed work: mostly calls, and from time to time everything else that a task's life has. */
final class Load {
    /** Running at a time, so that each is known well. */
    static final int MOST_HOLDS = 3;

    private static final int LONGEST_PAUSE_MILLIS = 12;
    private static final int CALLS_TO_BEGIN_WITH = 3;

    /** How often each comes up. */
    private static final List<Deed> DECK = Map.ofEntries(
                    Map.entry(Deed.CHAT, 12),
                    Map.entry(Deed.STREAM, 8),
                    Map.entry(Deed.TOOL, 8),
                    Map.entry(Deed.SERVICE, 8),
                    Map.entry(Deed.REFUSED, 1),
                    Map.entry(Deed.START, 3),
                    Map.entry(Deed.REDEEM, 2),
                    Map.entry(Deed.RENEW, 2),
                    Map.entry(Deed.HAND_OVER, 2),
                    Map.entry(Deed.STOP, 2),
                    Map.entry(Deed.END, 1),
                    Map.entry(Deed.LOGOUT, 1))
            .entrySet()
            .stream()
            .sorted(Map.Entry.comparingByKey())
            .flatMap(card -> Collections.nCopies(card.getValue(), card.getKey()).stream())
            .toList();

    private enum Beginning {
        WITH_A_TOKEN,
        WITHOUT_A_KEY,
        WITH_NOBODY,
        IN_THE_BROWSER;

        static final List<Beginning> ALL = List.of(values());
    }

    private final Work work;
    private final Random random;

    Load(Work work) {
        this.work = work;
        this.random = work.random();
    }

    /**
     * Until it is over, or an answer does not come.
     *
     * @param wellBegun run once some calls were answered, or when it ends
     */
    void run(BooleanSupplier isOver, Runnable wellBegun) throws InterruptedException {
        long enough = work.calls() + CALLS_TO_BEGIN_WITH;
        while (!isOver.getAsBoolean() && work.unanswered().isEmpty() && work.calls() < enough) {
            step();
        }
        wellBegun.run();
        while (!isOver.getAsBoolean() && work.unanswered().isEmpty()) {
            Thread.sleep(random.nextInt(LONGEST_PAUSE_MILLIS));
            step();
        }
    }

    /** Each deed once, so that every start finds something of each kind, on a slow machine too. */
    void everything() throws InterruptedException {
        work.startWithNobody();
        work.startPlainly("alice");
        for (String person : PretendParts.PEOPLE) {
            work.start(person);
            work.approve(person);
        }
        for (WaitingCode code : work.codes()) {
            work.redeem(code);
        }
        for (Hold hold : work.holds()) {
            work.renew(hold);
            work.renew(hold);
            handOver(hold);
            work.chat(hold);
        }
        work.logOut("bob");
        Hold first = work.holds().getFirst();
        Hold last = work.holds().getLast();
        work.stream(first);
        work.tool(first);
        work.service(first);
        work.refused(first);
        work.stop(first);
        end(last);
    }

    private void step() throws InterruptedException {
        if (work.holds().size() < 2) {
            begin();
            return;
        }
        Hold hold = any(work.holds());
        if (!hold.isFresh()) {
            work.renew(hold);
            return;
        }
        switch (any(DECK)) {
            case CHAT -> work.chat(hold.part().filter(Hold::isFresh).orElse(hold));
            case STREAM -> work.stream(hold);
            case TOOL -> work.tool(hold);
            case SERVICE -> work.service(hold);
            case REFUSED -> work.refused(hold);
            case START, START_WITH_NOBODY, APPROVE -> begin();
            case REDEEM -> redeem();
            case RENEW, ROTATE -> work.renew(hold);
            case HAND_OVER, TAKE_OVER -> handOver(hold);
            case STOP -> work.stop(hold);
            case END -> end(hold);
            case LOGOUT -> work.logOut(any(PretendParts.PEOPLE));
        }
    }

    private void begin() throws InterruptedException {
        if (work.holds().size() >= MOST_HOLDS) {
            return;
        }
        String person = any(PretendParts.PEOPLE);
        switch (any(Beginning.ALL)) {
            case WITH_A_TOKEN -> work.start(person);
            case WITHOUT_A_KEY -> work.startPlainly(person);
            case WITH_NOBODY -> work.startWithNobody();
            case IN_THE_BROWSER -> work.approve(person);
        }
    }

    /** Some codes wait a while, so that a kill can come between. */
    private void redeem() {
        work.codes().stream().filter(WaitingCode::isGood).findFirst().ifPresent(work::redeem);
    }

    /** Bound to a key it must be, and of the one agent that may hand over and end its tasks. */
    private void handOver(Hold hold) {
        if (isLeads(hold) && hold.part().isEmpty()) {
            work.handOver(hold);
        }
    }

    private void end(Hold hold) {
        if (isLeads(hold)) {
            work.end(hold);
        }
    }

    private static boolean isLeads(Hold hold) {
        return hold.isBound() && hold.person().isPresent();
    }

    private <T> T any(List<T> some) {
        return some.get(random.nextInt(some.size()));
    }
}
