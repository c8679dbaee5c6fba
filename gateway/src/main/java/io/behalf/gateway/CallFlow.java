package io.behalf.gateway;

import io.behalf.core.delegation.Ask;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Mode;
import io.behalf.gateway.Asked.CallKey;
import io.behalf.gateway.Asked.Reach;
import io.behalf.gateway.OpenCall.Ending;
import io.behalf.gateway.OpenCalls.Parting;
import io.behalf.policy.Decision;
import io.behalf.policy.Policy;
import io.behalf.policy.Question;
import io.behalf.verifier.DelegationVerifier;
import io.behalf.verifier.UnknownKey;
import io.behalf.verifier.VerifiedDelegation;
import io.vertx.core.AsyncResult;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import java.time.Clock;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one flow of every call, whatever its protocol: who asks, may it, on the record, onward, on the record, done. One for
 * each event loop, and everything in it happens there. Nothing here waits: steps that take time give a future.
 */
final class CallFlow {
    private static final Logger LOG = LoggerFactory.getLogger(CallFlow.class);

    private final Vertx vertx;
    private final Loop loop;
    private final DelegationVerifier verifier;
    private final IssuerRefresh refresh;
    private final Tasks tasks;
    private final Supplier<Policy> policies;
    private final Recorder recorder;
    private final Forwarder forwarder;
    private final OpenCalls open;
    private final Sessions sessions;
    private final BodyRoom bodies;
    private final BodyRoom answers;
    private final GatewayConfig.Callers callers;
    private final Macs logMacs;
    private final Duration bodyWithin;
    private final Clock clock;

    CallFlow(
            Vertx vertx,
            Loop loop,
            DelegationVerifier verifier,
            IssuerRefresh refresh,
            Tasks tasks,
            Supplier<Policy> policies,
            Recorder recorder,
            Forwarder forwarder,
            OpenCalls open,
            Sessions sessions,
            BodyRoom bodies,
            BodyRoom answers,
            GatewayConfig config,
            Duration bodyWithin,
            Clock clock) {
        this.vertx = vertx;
        this.loop = loop;
        this.verifier = verifier;
        this.refresh = refresh;
        this.tasks = tasks;
        this.policies = policies;
        this.recorder = recorder;
        this.forwarder = forwarder;
        this.open = open;
        this.sessions = sessions;
        this.bodies = bodies;
        this.answers = answers;
        this.callers = config.callers();
        this.logMacs = new Macs(config.logKey());
        this.bodyWithin = bodyWithin;
        this.clock = clock;
    }

    Future<Void> handle(Arrival arrival, AgentWire agent) {
        Policy policy = policies.get();
        return identify(arrival).compose(who -> switch (who) {
            case Checked.Refused<Basis>(Refusal no) ->
                act(new Judged.Stopped(Optional.empty(), Optional.empty(), no), arrival, policy, agent);
            case Checked.Passed<Basis>(Basis basis) -> {
                BodyRoom.Place place = bodies.place(Recorder.callerOf(basis));
                yield judge(arrival, place, basis, policy)
                        .compose(judged -> act(judged, arrival, policy, agent))
                        .onComplete(_ -> place.leave()); // a call holds its body until it is over
            }
        });
    }

    private Future<Judged> judge(Arrival arrival, BodyRoom.Place place, Basis basis, Policy policy) {
        return arrival.read(vertx, bodyWithin, place).map(said -> switch (said) {
            case Checked.Refused<Inbound>(Refusal no) -> new Judged.Stopped(Optional.empty(), Optional.of(basis), no);
            case Checked.Passed<Inbound>(Inbound call) -> decide(call, basis, policy);
        });
    }

    private Future<Void> act(Judged judged, Arrival arrival, Policy policy, AgentWire agent) {
        return switch (judged) {
            case Judged.Stopped no ->
                recorder.refusal(arrival, no, policy.sha256()).compose(proof -> refuse(no, proof, arrival, agent));
            case Judged.Admitted yes ->
                recorder.intent(arrival, yes, policy.sha256())
                        .transform(committed -> committed.failed()
                                ? unrecorded(yes, arrival, agent)
                                : carry(open.add(committed.result()), policy, agent));
        };
    }

    /** Who asks: a delegation that holds, with its task's running state; on an observed route perhaps somebody listed. */
    private Future<Checked<Basis>> identify(Arrival arrival) {
        Optional<String> agent = arrival.own().map(CallFlow::digest).map(callers.keys()::get);
        if (arrival.presented().token().isEmpty() && arrival.route().mode() == Mode.OBSERVE) {
            return Future.succeededFuture(unattributed(arrival, agent));
        }
        return switch (verifier.verify(arrival.presented(), clock.instant())) {
            case Checked.Passed<VerifiedDelegation>(VerifiedDelegation shown) -> running(shown, agent);
            case Checked.Refused<VerifiedDelegation>(Refusal no) ->
                no.reason() == Reason.SIGNATURE_INVALID
                        ? afterRefresh(arrival, no, agent)
                        : Future.succeededFuture(Checked.refused(no));
        };
    }

    /** A key that is not known yet may be a new one: asks its issuer, once, and checks again. */
    private Future<Checked<Basis>> afterRefresh(Arrival arrival, Refusal no, Optional<String> agent) {
        Optional<UnknownKey> unknown = verifier.unknownKey(arrival.presented());
        if (unknown.isEmpty()) {
            return Future.succeededFuture(Checked.refused(no));
        }
        return loop.await(refresh.refresh(unknown.get().issuer()))
                .transform(_ -> verifier.verify(arrival.presented(), clock.instant())
                        .fold(shown -> running(shown, agent), still -> Future.succeededFuture(Checked.refused(still))));
    }

    private Checked<Basis> unattributed(Arrival arrival, Optional<String> agent) {
        if (agent.isPresent()) {
            return Checked.passed(new Basis.Unattributed("agent:" + agent.get(), logMacs));
        }
        if (arrival.own().isPresent()) {
            return Checked.refused(Refusal.of(
                    Reason.AGENT_UNAUTHENTICATED,
                    "The credential of this request is not one that may call here without a delegation."));
        }
        String address = callers.addresses().get(arrival.address());
        return address == null
                ? Checked.refused(Refusal.of(
                        Reason.DELEGATION_MISSING,
                        "This call needs a delegation: obtain one for the task and send it in Authorization: DPoP."))
                : Checked.passed(new Basis.Unattributed("address:" + address, logMacs));
    }

    /** The task's running state: at once where it is resident, from the store at the task's first call here. */
    private Future<Checked<Basis>> running(VerifiedDelegation shown, Optional<String> agent) {
        TaskState resident = tasks.resident(shown.delegation().taskId());
        if (resident != null) {
            return Future.succeededFuture(Checked.passed(new Basis.Delegated(shown, resident, agent)));
        }
        return loop.await(tasks.open(shown.delegation()))
                .map(opened -> opened.fold(
                        task -> Checked.<Basis>passed(new Basis.Delegated(shown, task, agent)),
                        no -> Checked.<Basis>refused(no.about(shown.delegation()))))
                .otherwise(_ -> Checked.refused(AgentWire.recordUnavailable().about(shown.delegation())));
    }

    private Judged decide(Inbound call, Basis basis, Policy policy) {
        Mode mode = call.route().mode();
        return switch (basis) {
            case Basis.Unattributed _ ->
                Judged.in(
                        mode,
                        call,
                        basis,
                        new Decision.Denied(Refusal.of(Reason.DELEGATION_MISSING, "No delegation was shown.")));
            case Basis.Delegated d -> {
                Optional<Refusal> foreign = session(call, d);
                if (foreign.isPresent()) {
                    yield new Judged.Stopped(Optional.of(call), Optional.of(basis), foreign.get());
                }
                Judged judged = Judged.in(mode, call, basis, taken(may(call, d, policy), call, d));
                if (judged instanceof Judged.Admitted yes && yes.decision() instanceof Decision.Denied) {
                    d.task().takeAnyway(call.expectedTokens());
                }
                yield judged;
            }
        };
    }

    private Decision may(Inbound call, Basis.Delegated d, Policy policy) {
        Delegation delegation = d.shown().delegation();
        Question question =
                question(call, d, call.asked().action(), call.asked().attributes());
        if (call.asked().reach() == Reach.SERVICE && reaches(call, d, policy)) {
            Optional<Decision.Denied> no = d.task()
                    .usedUp(delegation.task().limits())
                    .map(Decision.Denied::new)
                    .or(() -> policy.forbidden(question));
            return no.isPresent() ? no.get() : new Decision.Permit(List.of(Policy.WITHIN_SCOPE));
        }
        return policy.decide(question, () -> d.task().usedUp(delegation.task().limits()));
    }

    /** Whether anything at this service would be permitted: what a greeting and a filtered list need. */
    private boolean reaches(Inbound call, Basis.Delegated d, Policy policy) {
        for (Permission permission : d.shown().delegation().scope().permissions()) {
            if (permission.service().equals(call.route().service())) {
                for (String action : permission.actions()) {
                    String asked = action.equals("*") ? call.asked().action() : action;
                    if (policy.visible(question(call, d, asked, Map.of()))) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    private Question question(Inbound call, Basis.Delegated d, String action, Map<String, String> attributes) {
        return new Question(
                new Ask(
                        call.route().service(),
                        action,
                        call.asked().resources(),
                        call.asked().touched().complete(),
                        attributes),
                d.shown().delegation(),
                call.route().surface(),
                Map.of(
                        "method",
                        call.head().method(),
                        "route",
                        call.route().name(),
                        "bytes",
                        call.body().length()),
                d.agent(),
                clock.instant());
    }

    /** Two calls may find the last one of a total still free; one of them gets it. */
    private static Decision taken(Decision decision, Inbound call, Basis.Delegated d) {
        if (!(decision instanceof Decision.Permit)) {
            return decision;
        }
        return d.task()
                .take(d.shown().delegation().task().limits(), call.expectedTokens())
                .<Decision>map(Decision.Denied::new)
                .orElse(decision);
    }

    /** An MCP session is one agent's in one task; to others it is as if there were none, and only the record says more. */
    private Optional<Refusal> session(Inbound call, Basis.Delegated d) {
        Optional<String> session = call.asked().session();
        Optional<Sessions.Holder> holder = Sessions.Holder.of(d);
        if (session.isEmpty() || holder.isEmpty()) {
            return Optional.empty();
        }
        return switch (sessions.of(call.route(), session.get(), holder.get())) {
            case OWN -> Optional.empty();
            case UNKNOWN -> Optional.of(noSession(Reason.ROUTE_UNKNOWN));
            case ANOTHERS -> Optional.of(noSession(Reason.BINDING_MISMATCH));
        };
    }

    private static Refusal noSession(Reason recorded) {
        return Refusal.of(recorded, "There is no such session: begin one with initialize.")
                .withStatus(Reason.ROUTE_UNKNOWN.status());
    }

    private Future<Void> refuse(Judged.Stopped no, Recorder.Denial proof, Arrival arrival, AgentWire agent) {
        Optional<Asked> asked = no.call().map(Inbound::asked);
        Refusal told = no.refusal().reason() == Reason.BINDING_MISMATCH && asked.isPresent()
                ? noSession(Reason.ROUTE_UNKNOWN) // whose session it is, is nobody else's business
                : no.refusal();
        return agent.refuse(told, proof, arrival.passage(), asked, arrival.trace());
    }

    private Future<Void> unrecorded(Judged.Admitted yes, Arrival arrival, AgentWire agent) {
        if (yes.basis() instanceof Basis.Delegated d) {
            d.task().untake(yes.call().expectedTokens());
        }
        Refusal no = Refusal.of(
                Reason.RECORD_UNAVAILABLE, "The call was not made: its record could not be written. Try again later.");
        return agent.refuse(
                no,
                recorder.unavailable(),
                arrival.passage(),
                Optional.of(yes.call().asked()),
                arrival.trace());
    }

    /** Both wires are lost and found here; the record is {@link OpenCall}'s. */
    private Future<Void> carry(OpenCall mine, Policy policy, AgentWire agent) {
        Recorder.Intent intent = mine.intent;
        Forwarder.Trip trip = forwarder.trip(mine);
        mine.cutBy(ending -> {
            if (ending.equals(Ending.CUT_BY_CLIENT)) {
                agent.leave(); // it asked for no answer any more, or reads none
            } else {
                agent.cut(refusal(ending), intent);
            }
            trip.cancel();
        });
        // settled first, so that breaking the upstream's wire is not what the record gives as the reason
        agent.whenGone(() -> open.lost(mine, Ending.CUT_BY_CLIENT).onComplete(_ -> trip.cancel()));
        open.stopped(mine).ifPresent(reason -> mine.cut(Ending.of(End.CUT_BY_REVOCATION, reason)));
        if (mine.settled()) {
            return Future.succeededFuture();
        }
        cancelNamed(mine);
        BodyRoom.Place kept = answers.place(Recorder.callerOf(intent.admitted.basis()));
        return trip.answer()
                .compose(answer -> {
                    if (!begun(answer.head(), intent)) {
                        trip.cancel();
                        return Future.failedFuture(new Forwarder.UpstreamFault("the upstream names another's session"));
                    }
                    mine.begin(answer.head());
                    agent.begin(answer.head(), intent);
                    Codec.Reading reading = intent.arrival.passage().codec().answerTo(intent.call(), answer.head());
                    return answer.each(chunk -> inOrder(read(reading, chunk, kept), mine, policy, agent))
                            .compose(_ -> inOrder(reading.end(), mine, policy, agent));
                })
                .transform(over -> open.lost(mine, ending(over, mine)))
                .transform(parted -> {
                    kept.leave();
                    part(parted, mine, agent);
                    return Future.succeededFuture();
                });
    }

    /**
     * An agent that cancels ends a call of its own in this session, and no other; the notice goes on to the server, to
     * which a broken wire says nothing (MCP 2025-11-25, transports).
     */
    private void cancelNamed(OpenCall notice) {
        notice.intent
                .call()
                .asked()
                .cancels()
                .flatMap(named -> sessions.unsettled(notice, named))
                .ifPresent(call -> call.cut(Ending.CUT_BY_CLIENT));
    }

    /**
     * A server that begins a session begins it for this agent and task.
     *
     * @return false where it gives them the session of another
     */
    private boolean begun(Codec.AnswerHead answer, Recorder.Intent intent) {
        String session = answer.headers().get(Names.MCP_SESSION);
        Route route = intent.arrival.route();
        Optional<Sessions.Holder> holder = Sessions.Holder.of(intent.admitted.basis());
        if (route.kind() instanceof Route.Mcp && holder.isPresent()) {
            if (session != null && !sessions.begin(route, session, holder.get())) {
                return false;
            }
            if (intent.call().head().method().equals("DELETE") && answer.status() < 300) {
                intent.call().asked().session().ifPresent(ended -> sessions.end(route, ended));
            }
        }
        return true;
    }

    /** The next pieces, where there is room for what stays behind. */
    private static List<Piece> read(Codec.Reading reading, Buffer chunk, BodyRoom.Place kept) {
        List<Piece> pieces = reading.next(chunk);
        if (!kept.hold(reading.held())) {
            throw new Forwarder.UpstreamFault(
                    "the gateway keeps as many bytes of answers as it can, of this agent's or of all");
        }
        return pieces;
    }

    private Future<Void> inOrder(List<Piece> pieces, OpenCall mine, Policy policy, AgentWire agent) {
        Future<Void> done = Future.succeededFuture();
        for (Piece piece : pieces) {
            done = done.compose(_ -> deliver(piece, mine, policy, agent));
        }
        return done;
    }

    private Future<Void> deliver(Piece piece, OpenCall mine, Policy policy, AgentWire agent) {
        mine.heard();
        return switch (piece) {
            case Piece.Pass(Buffer bytes, Tally seen) -> {
                if (mine.settled()) {
                    yield Future.succeededFuture();
                }
                if (!mine.holds(seen)) {
                    yield tooMuch();
                }
                mine.delivering(bytes, seen);
                yield write(bytes, mine, agent);
            }
            case Piece.Last last -> {
                Optional<CallKey> key = last.answers();
                if (!mine.holds(last.seen())) {
                    yield tooMuch();
                }
                boolean own =
                        key.isEmpty() || key.equals(mine.intent.call().asked().key());
                Optional<OpenCall> answered = own ? Optional.of(mine) : sessions.unsettled(mine, key.get());
                yield answered.isEmpty()
                        ? Future.succeededFuture() // nobody asked, or it is recorded as lost already
                        : finish(answered.get(), last, mine, policy, agent);
            }
        };
    }

    /** What no record could tell does not reach the agent either. */
    private static <T> Future<T> tooMuch() {
        return Future.failedFuture(
                new Forwarder.UpstreamFault("the upstream's answer plans, or asks, more than a record holds"));
    }

    /** No proof, no end of the answer. */
    private Future<Void> finish(OpenCall answered, Piece.Last last, OpenCall carrier, Policy policy, AgentWire agent) {
        Piece.Kept kept = last.list()
                .map(list -> list.keep(visible(answered, policy)))
                .orElseGet(() -> new Piece.Kept(last.held(), -1));
        return answered.complete(kept.answer(), last.seen().plus(Tally.items(kept.items())))
                .compose(proof -> {
                    if (proof.isEmpty()) {
                        return Future.succeededFuture();
                    }
                    if (answered == carrier) {
                        return agent.release(kept.answer(), proof.get());
                    }
                    carrier.delivering(kept.answer(), Tally.NONE);
                    return write(kept.answer(), carrier, agent);
                });
    }

    private static Future<Void> write(Buffer bytes, OpenCall carrier, AgentWire agent) {
        Future<Void> taken = agent.write(bytes);
        carrier.waitsForAgent(taken);
        return taken;
    }

    /** The rule that decides a call also decides whether a list shows it. */
    private Predicate<Piece.Item> visible(OpenCall call, Policy policy) {
        return switch (call.intent.admitted.basis()) {
            case Basis.Unattributed _ -> _ -> true;
            case Basis.Delegated d ->
                call.intent.admitted.mode() == Mode.OBSERVE
                        ? _ -> true
                        : item -> policy.visible(question(call.intent.call(), d, item.action(), item.attributes()));
        };
    }

    private static Ending ending(AsyncResult<Void> over, OpenCall mine) {
        if (over.succeeded()) {
            return Ending.of(End.CUT_BY_UPSTREAM, Reason.UPSTREAM_UNAVAILABLE); // ended, and the answer had not
        }
        return mine.begun()
                ? Ending.of(End.CUT_BY_UPSTREAM, Reason.UPSTREAM_UNAVAILABLE)
                : Ending.of(End.ERROR, Reason.UPSTREAM_UNAVAILABLE);
    }

    private static void part(AsyncResult<Parting> parted, OpenCall mine, AgentWire agent) {
        if (parted.failed()) {
            LOG.warn("the outcome of {} could not be recorded", mine.intent.record, parted.cause());
            agent.unrecorded(mine.intent);
            return;
        }
        switch (parted.result()) {
            case Parting.Final ended -> agent.cut(refusal(ended.ending()), mine.intent);
            case Parting.Waiting _ -> agent.leave();
        }
    }

    /** What the agent is told of a call that was forwarded and did not end well. */
    private static Refusal refusal(Ending ending) {
        Reason reason = ending.reason().orElse(Reason.UPSTREAM_UNAVAILABLE);
        Refusal told = Refusal.of(
                reason,
                switch (ending.end()) {
                    case CUT_BY_REVOCATION -> "The task was stopped while this call was running.";
                    case EXPIRED -> "The task's approved time ended while this call was running.";
                    case TIMEOUT -> "The upstream did not answer in time. Whether it did what was asked is not known.";
                    case CUT_BY_UPSTREAM ->
                        "The upstream broke off before its answer was whole, or answered more than can be recorded.";
                    case COMPLETE, REPLACED, CUT_BY_CLIENT, ERROR ->
                        "The upstream cannot answer now; the operator of this gateway must look after it.";
                });
        return ending.end() == End.TIMEOUT ? told.withStatus(504) : told;
    }

    private static String digest(Arrival.Own own) {
        return HexFormat.of().formatHex(Presentation.sha256(own.secret()));
    }
}
