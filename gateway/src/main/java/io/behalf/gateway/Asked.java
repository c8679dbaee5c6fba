package io.behalf.gateway;

import io.vertx.core.buffer.Buffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a request wants, as its codec read it from exactly the bytes that go on.
 *
 * @param reach how it is held against the scope
 * @param session MCP session that it names
 * @param cancels the running call whose answer is not wanted any more
 * @param because what in the request makes it this action, where one cannot tell by the action alone
 */
public record Asked(
        String action,
        Touched touched,
        Optional<String> model,
        ToolUse use,
        Answered answered,
        Optional<String> session,
        Reach reach,
        Optional<CallKey> cancels,
        Optional<String> because) {

    /** Plain: an action, nothing more known of it. */
    public static Asked action(String action) {
        return new Asked(
                action,
                Touched.NOTHING,
                Optional.empty(),
                ToolUse.NONE,
                Answered.HERE,
                Optional.empty(),
                Reach.ACTION,
                Optional.empty(),
                Optional.empty());
    }

    public Asked touching(Touched what) {
        return new Asked(action, what, model, use, answered, session, reach, cancels, because);
    }

    public Asked ofModel(String name) {
        return new Asked(action, touched, Optional.of(name), use, answered, session, reach, cancels, because);
    }

    public Asked ofTool(String name, Optional<String> callId, Optional<Buffer> given) {
        ToolUse of = new ToolUse(Optional.of(name), callId, given);
        return new Asked(action, touched, model, of, answered, session, reach, cancels, because);
    }

    public Asked inSession(Optional<String> id) {
        return new Asked(action, touched, model, use, answered, id, reach, cancels, because);
    }

    public Asked answeredUnder(CallKey under, Loss onLoss) {
        Answered elsewhere = new Answered(Optional.of(under), onLoss);
        return new Asked(action, touched, model, use, elsewhere, session, reach, cancels, because);
    }

    public Asked cancelling(CallKey which) {
        return new Asked(action, touched, model, use, answered, session, reach, Optional.of(which), because);
    }

    public Asked reaching(Reach how) {
        return new Asked(action, touched, model, use, answered, session, how, cancels, because);
    }

    public Asked because(String found) {
        return new Asked(action, touched, model, use, answered, session, reach, cancels, Optional.of(found));
    }

    public List<String> resources() {
        return touched.resources();
    }

    public Map<String, String> attributes() {
        return touched.attributes();
    }

    public Optional<String> tool() {
        return use.tool();
    }

    public Optional<CallKey> key() {
        return answered.key();
    }

    /**
     * A tool's call, if it is one.
     *
     * @param callId under which a model planned it
     * @param arguments as an RFC 8785 form, for the link to the plan
     */
    public record ToolUse(Optional<String> tool, Optional<String> callId, Optional<Buffer> arguments) {
        static final ToolUse NONE = new ToolUse(Optional.empty(), Optional.empty(), Optional.empty());
    }

    /**
     * Where its answer comes.
     *
     * @param key under which that may be on another request; empty where it comes on its own
     */
    public record Answered(Optional<CallKey> key, Loss loss) {
        static final Answered HERE = new Answered(Optional.empty(), Loss.ENDS);
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
