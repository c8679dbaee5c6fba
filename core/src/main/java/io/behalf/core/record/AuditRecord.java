package io.behalf.core.record;

import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.Json;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One record of the ledger, version 1, before the ledger gives it its place: {@code task_seq}, {@code prev} and the
 * index are the sequencer's. Its bytes are {@link RecordEncoder}'s. Immutable.
 */
public sealed interface AuditRecord {
    Header header();

    /** The {@code kind} field. */
    String kind();

    /** A call is about to be forwarded. Durable before that. */
    record Intent(Header header, Call call, Decided decision, Optional<PlannedBy> plannedBy) implements AuditRecord {
        @Override
        public String kind() {
            return "intent";
        }
    }

    /** How the call of intent {@code of} ended. Durable before the end of its answer is released. */
    record Outcome(Header header, String of, Ended outcome) implements AuditRecord {
        public Outcome {
            Ids.require("rec", of);
        }

        @Override
        public String kind() {
            return "outcome";
        }
    }

    /** A permit for a call that somebody else carries; no outcome comes from here. */
    record Check(Header header, Call call, Decided decision) implements AuditRecord {
        @Override
        public String kind() {
            return "check";
        }
    }

    /** A call that did not go on. */
    record Refused(Header header, Call call, Decided decision) implements AuditRecord {
        @Override
        public String kind() {
            return "refusal";
        }
    }

    /** The outcome of intent {@code of} was lost in a crash; written at recovery. */
    record Unknown(Header header, String of) implements AuditRecord {
        public Unknown {
            Ids.require("rec", of);
        }

        @Override
        public String kind() {
            return "unknown";
        }
    }

    /** What a service that verifies for itself says of a call: {@code of} is the gateway's record, where it named one. */
    record Downstream(
            Header header,
            Optional<String> of,
            Optional<Call> call,
            Optional<Decided> decision,
            ServiceSigned downstream)
            implements AuditRecord {
        public Downstream {
            of.ifPresent(id -> Ids.require("rec", id));
        }

        @Override
        public String kind() {
            return "downstream";
        }
    }

    /**
     * Something that happened to a task, a subject, a key, a policy.
     *
     * @param by who did it: an agent id, a subject's pseudonym, {@code operator}, {@code system}
     * @param data canonical JSON values, by event
     */
    record Lifecycle(Header header, Event event, String by, Map<String, @Nullable Object> data) implements AuditRecord {
        @Override
        public String kind() {
            return "lifecycle";
        }
    }

    /**
     * What every kind carries.
     *
     * @param id {@code rec_…}
     * @param task empty where no task is known
     * @param actors agent ids, current first
     * @param late written after the task's {@code ended}
     */
    record Header(
            String id,
            Instant time,
            String node,
            Optional<TaskId> task,
            Optional<Basis> basis,
            List<String> actors,
            Optional<Held> delegation,
            Optional<Trace> trace,
            boolean late) {
        public Header {
            Ids.require("rec", id);
            actors = List.copyOf(actors);
        }
    }

    /** The record's {@code on_behalf_of}: whose authority. Only observe mode makes {@link Unattributed}. */
    sealed interface Basis {
        /** @param subject the person's pseudonym in this task, {@code sbj_…} */
        record Person(String subject) implements Basis {
            public Person {
                Ids.require("sbj", subject);
            }
        }

        record Nobody(String category, String reasonCode) implements Basis {}

        /**
         * @param credential names the agent, listed key or address that called; never the credential itself
         * @param claimed HMAC of what a trusted application said about the person
         */
        record Unattributed(String credential, Optional<String> claimed) implements Basis {}
    }

    /**
     * The delegation that was presented. Its bytes are never kept.
     *
     * @param tokenSha256 lower-case hex
     * @param bound whether possession of a key was proved
     */
    record Held(
            String jti, String approvalId, String approvalKind, Instant expires, String tokenSha256, boolean bound) {}

    /** W3C trace context: helps to find, proves nothing. */
    record Trace(String traceId, String spanId) {
        public Trace {
            if (!isHex(traceId, 32) || !isHex(spanId, 16)) {
                throw new IllegalArgumentException("trace_id is 32, span_id 16 lower-case hex digits");
            }
        }

        /** Of each ASCII character, whether it is such a digit: which kind of one comes next, no processor can guess. */
        private static final boolean[] DIGIT = new boolean[128];

        static {
            "0123456789abcdef".chars().forEach(c -> DIGIT[c] = true);
        }

        private static boolean isHex(String text, int length) {
            if (text.length() != length) {
                return false;
            }
            for (int i = 0; i < length; i++) {
                char c = text.charAt(i);
                if (c >= DIGIT.length || !DIGIT[c]) {
                    return false;
                }
            }
            return true;
        }
    }

    enum Surface {
        LLM,
        MCP,
        HTTP,
        DOWNSTREAM,
        LOCAL
    }

    /**
     * @param resources what it touches, plain or as keyed hashes
     * @param requestMac lower-case hex; empty for a body that flows, whose MAC is in the outcome
     * @param continues record id of the intent that this MCP retry goes on with
     * @param bytes of the request body; -1 where it flows
     */
    record Call(
            Surface surface,
            String service,
            String action,
            List<String> resources,
            Optional<String> model,
            Optional<String> tool,
            Optional<String> toolCallId,
            Optional<String> continues,
            Optional<String> requestMac,
            long bytes) {
        public Call {
            resources = List.copyOf(resources);
        }
    }

    enum Mode {
        ENFORCE,
        OBSERVE
    }

    /**
     * The decision.
     *
     * @param reason empty for a permit
     * @param enforced false where observe let a would-be refusal pass
     * @param policySha256 version of the policy, lower-case hex
     */
    record Decided(
            boolean permit,
            boolean enforced,
            Optional<String> reason,
            List<String> rules,
            String policySha256,
            Mode mode) {
        public Decided {
            rules = List.copyOf(rules);
        }
    }

    /** The model call whose reply planned this tool call, and how it was found. */
    record PlannedBy(String record, Match match) {
        public PlannedBy {
            Ids.require("rec", record);
        }

        public enum Match {
            ID,
            ARGUMENTS
        }
    }

    enum Sent {
        NO,
        MAYBE,
        YES
    }

    enum End {
        COMPLETE,
        REPLACED,
        CUT_BY_CLIENT,
        CUT_BY_UPSTREAM,
        CUT_BY_REVOCATION,
        EXPIRED,
        TIMEOUT,
        ERROR
    }

    /**
     * How a call ended.
     *
     * @param status the upstream's, -1 if none came
     * @param responseMac over the bytes delivered, lower-case hex
     * @param bytes delivered
     * @param items how many things a list answer held, -1 where it is none
     * @param toolCalls tool calls that a model's reply planned
     * @param asked what a server asked back of the client, method names
     */
    record Ended(
            Sent sent,
            int status,
            End end,
            Optional<String> reason,
            Optional<String> requestMac,
            String responseMac,
            long bytes,
            long millis,
            long items,
            Optional<Usage> usage,
            List<ToolCall> toolCalls,
            List<String> asked,
            Optional<Plan> plan) {
        public Ended {
            toolCalls = List.copyOf(toolCalls);
            asked = List.copyOf(asked);
        }
    }

    /** Tokens as the upstream counted them. It may claim anything, so a count is kept within what JSON can hold exactly. */
    record Usage(long inputTokens, long outputTokens) {
        public Usage {
            inputTokens = Math.max(0, Math.min(inputTokens, Json.MAX_EXACT));
            outputTokens = Math.max(0, Math.min(outputTokens, Json.MAX_EXACT));
        }
    }

    /**
     * A tool call that a reply planned, or that the provider made itself while it replied.
     *
     * @param name of a call that the provider made, behind {@link #BY_PROVIDER}
     * @param argumentsMac HMAC of the RFC 8785 form of the arguments under the task's key; empty where they were too long to
     *     be put together, so that nothing but the id can lead back here
     */
    record ToolCall(String id, String name, Optional<String> argumentsMac) {
        public static final String BY_PROVIDER = "provider:";

        /** Keeps an agent from naming a tool of its own like one of the provider's. */
        private static final String BY_AGENT = "agent:";

        public static ToolCall byProvider(String id, String name, Optional<String> argumentsMac) {
            return new ToolCall(id, marked(BY_PROVIDER, name), argumentsMac);
        }

        /** A call that the agent is to carry out. */
        public static ToolCall byAgent(String id, String name, Optional<String> argumentsMac) {
            return new ToolCall(id, name.startsWith(BY_PROVIDER) ? marked(BY_AGENT, name) : name, argumentsMac);
        }

        public boolean madeByProvider() {
            return name.startsWith(BY_PROVIDER);
        }

        /** The mark stays readable, however long the name is. */
        private static String marked(String mark, String name) {
            String bounded = RecordEncoder.bounded(mark + name);
            return bounded.startsWith(mark) ? bounded : mark + bounded;
        }
    }

    /** How many planned tool calls were held against the scope, and how many lay outside. */
    record Plan(long checked, long outside) {}

    /**
     * A service's own signature over its record, and its chain.
     *
     * @param seq from 1 without holes, per service
     * @param prev lower-case hex leaf hash of the service's previous record
     * @param kid the service's signing key
     * @param sig ES256 (RFC 7518 §3.4), base64url, over the RFC 8785 form without id, time, node and sig
     * @param seenJti the token that the service was shown
     */
    record ServiceSigned(String service, long seq, Optional<String> prev, String kid, String sig, String seenJti) {
        public ServiceSigned {
            if (seq < 1 || seq > Json.MAX_EXACT) {
                throw new IllegalArgumentException("seq counts from 1");
            }
        }
    }

    /** Lifecycle events: a closed list. */
    enum Event {
        APPROVED,
        ISSUED,
        RENEWED,
        EXTENDED,
        NARROWED,
        LOGOUT_SEEN,
        REVOKED,
        ENDED,
        ERASED,
        OPENED,
        POLICY,
        KEY,
        CONFIGURATION,
        TOOL,
        REVIEWED,
        LOOKED_UP,
        PRUNED,
        REFUSALS_SUMMARIZED
    }
}
