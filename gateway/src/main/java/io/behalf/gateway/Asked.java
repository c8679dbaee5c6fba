package io.behalf.gateway;

import io.vertx.core.buffer.Buffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a request wants, as its codec read it from exactly the bytes that go on.
 *
 * @param complete whether these are all the resources that it touches, as far as rules name any
 * @param attributes what constraints may ask about
 * @param arguments of a tool call, as an RFC 8785 form, for the link to the plan
 * @param key under which its answer may arrive on another request; empty where it comes on its own
 * @param reach how it is held against the scope
 * @param session MCP session that it names
 * @param cancels the running call whose answer is not wanted any more
 * @param because what in the request makes it this action, where one cannot tell by the action alone
 */
public record Asked(
        String action,
        List<String> resources,
        boolean complete,
        Map<String, String> attributes,
        Optional<String> model,
        Optional<String> tool,
        Optional<String> toolCallId,
        Optional<Buffer> arguments,
        Optional<CallKey> key,
        Optional<String> session,
        Reach reach,
        Loss loss,
        Optional<CallKey> cancels,
        Optional<String> because) {
    public Asked {
        resources = List.copyOf(resources);
        attributes = Map.copyOf(attributes);
    }

    /** Plain: an action, nothing more known of it. */
    public static Asked action(String action) {
        return new Asked(
                action,
                List.of(),
                true,
                Map.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Reach.ACTION,
                Loss.ENDS,
                Optional.empty(),
                Optional.empty());
    }

    public Asked touching(Touched touched) {
        return touching(touched.resources(), touched.complete(), touched.attributes());
    }

    public Asked touching(List<String> which, Map<String, String> known) {
        return touching(which, true, known);
    }

    private Asked touching(List<String> which, boolean all, Map<String, String> known) {
        return new Asked(
                action,
                which,
                all,
                known,
                model,
                tool,
                toolCallId,
                arguments,
                key,
                session,
                reach,
                loss,
                cancels,
                because);
    }

    public Asked ofModel(String name) {
        return new Asked(
                action,
                resources,
                complete,
                attributes,
                Optional.of(name),
                tool,
                toolCallId,
                arguments,
                key,
                session,
                reach,
                loss,
                cancels,
                because);
    }

    public Asked ofTool(String name, Optional<String> callId, Optional<Buffer> given) {
        return new Asked(
                action,
                resources,
                complete,
                attributes,
                model,
                Optional.of(name),
                callId,
                given,
                key,
                session,
                reach,
                loss,
                cancels,
                because);
    }

    public Asked inSession(Optional<String> id) {
        return new Asked(
                action,
                resources,
                complete,
                attributes,
                model,
                tool,
                toolCallId,
                arguments,
                key,
                id,
                reach,
                loss,
                cancels,
                because);
    }

    public Asked answeredUnder(CallKey under, Loss onLoss) {
        return new Asked(
                action,
                resources,
                complete,
                attributes,
                model,
                tool,
                toolCallId,
                arguments,
                Optional.of(under),
                session,
                reach,
                onLoss,
                cancels,
                because);
    }

    public Asked cancelling(CallKey which) {
        return new Asked(
                action,
                resources,
                complete,
                attributes,
                model,
                tool,
                toolCallId,
                arguments,
                key,
                session,
                reach,
                loss,
                Optional.of(which),
                because);
    }

    public Asked reaching(Reach how) {
        return new Asked(
                action,
                resources,
                complete,
                attributes,
                model,
                tool,
                toolCallId,
                arguments,
                key,
                session,
                how,
                loss,
                cancels,
                because);
    }

    public Asked because(String found) {
        return new Asked(
                action,
                resources,
                complete,
                attributes,
                model,
                tool,
                toolCallId,
                arguments,
                key,
                session,
                reach,
                loss,
                cancels,
                Optional.of(found));
    }

    /** How a request is held against the scope. */
    public enum Reach {
        /** It does something: this action must be allowed. */
        ACTION,
        /** It does nothing by itself (a greeting, a list that is filtered): anything allowed at the service will do. */
        SERVICE
    }

    /**
     * What a lost wire means to a call.
     *
     * @param openFor how long another request may still bring the answer; zero where none can
     */
    public record Loss(Duration openFor) {
        public static final Loss ENDS = new Loss(Duration.ZERO);

        public boolean ends() {
            return openFor.isZero();
        }
    }

    /** Names a call within a session, for answers that arrive on another request. */
    public record CallKey(String session, String id) {}
}
