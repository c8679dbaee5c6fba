package io.behalf.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** The real server between a pretend provider and a pretend upstream, which needs nothing installed. */
record PretendDeployment(BehalfServer server, PretendProvider provider, PretendUpstream upstream)
        implements AutoCloseable {
    static final String TICKET = "/http/tickets/tickets/4711";
    static final String READ_TICKETS = permissions("""
            {"service": "tickets", "actions": ["read"]}""");

    /** Names another agent than the one of {@link #agent} where it stands beside a delegation. */
    static final String OTHER_AGENTS_OWN_KEY = "other-agents-own-key";

    static final String TASK = "Summarize the tickets";

    /** Of each agent. */
    static final String SECRET = "a-secret-of-thirty-two-characters";

    static PretendDeployment start(Path folder) {
        return start(folder, "");
    }

    /** @param ledgerOptions further lines of the configuration's {@code ledger} */
    static PretendDeployment start(Path folder, String ledgerOptions) {
        return start(folder, ledgerOptions, List.of());
    }

    /** @param around the command that runs the server's own */
    static PretendDeployment start(Path folder, String ledgerOptions, List<String> around) {
        var provider = PretendProvider.start();
        var upstream = PretendUpstream.start();
        try {
            var configuration = Files.readString(Checkout.file("it/src/test/resources/config/pretend.yaml"))
                    .replace("PROVIDER", provider.issuer())
                    .replace("UPSTREAM", upstream.base().toString())
                    .replace("AWAY", "http://127.0.0.1:" + Program.freePort())
                    .replace("OTHER_KEY_SHA256", sha256(OTHER_AGENTS_OWN_KEY))
                    .concat(ledgerOptions);
            var server = BehalfServer.in(folder).within(around).start(configuration, Map.of("AGENT_SECRET", SECRET));
            return new PretendDeployment(server, provider, upstream);
        } catch (IOException failed) {
            provider.close();
            upstream.close();
            throw new UncheckedIOException(failed);
        } catch (IllegalStateException failed) {
            provider.close();
            upstream.close();
            throw failed;
        }
    }

    /** An agent with a task that an application began for alice. */
    HandMadeAgent agent(String details) {
        var token = provider.token("alice", server.base().toString());
        return new HandMadeAgent(server.base(), "ticket-agent", SECRET).begin(token, details);
    }

    /** The agent that parts of tasks can be handed to. */
    HandMadeAgent subAgent() {
        return new HandMadeAgent(server.base(), "summarizer", SECRET);
    }

    /** Authorization details with these permissions. */
    static String permissions(String list) {
        return details(list, "");
    }

    static String details(String permissions, String more) {
        return "[{\"type\": \"behalf_task\", %s \"description\": \"%s\", \"permissions\": [%s]}]"
                .formatted(more, TASK, permissions);
    }

    private static String sha256(String text) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    public void close() {
        server.close();
        upstream.close();
        provider.close();
    }
}
