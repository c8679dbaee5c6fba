package io.behalf.server;

import io.behalf.authority.AuthorityConfig;
import io.behalf.gateway.GatewayConfig;
import io.behalf.gateway.Route;
import io.behalf.policy.PolicySource;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Everything that a server is told, from one file. Immutable; made by {@link ConfigurationReader}.
 *
 * @param registered services that sign records of their own, by name
 */
record Configuration(
        Listening server,
        AuthorityConfig authority,
        List<Route> routes,
        GatewayConfig.Callers callers,
        Map<String, Registered> registered,
        PolicySource policy,
        LedgerOptions ledger,
        LogLevel logLevel) {
    Configuration {
        routes = List.copyOf(routes);
        registered = Map.copyOf(registered);
    }

    /**
     * Where it listens and to whom it answers.
     *
     * @param base the address that agents and browsers use, without a path
     * @param node this server's name in records
     * @param development loopback only, generous defaults; never in production
     * @param hosts {@code Host} values answered, lower case, with port where it is not the scheme's own
     * @param origins {@code Origin} values answered
     * @param drain longest wait for running calls when the server is asked to stop
     * @param apiToken opens the JSON API over the network; without one it answers on the owner's socket only
     */
    record Listening(
            String address,
            int port,
            URI base,
            String node,
            boolean development,
            Set<String> hosts,
            Set<String> origins,
            Duration drain,
            Optional<String> apiToken) {
        /** A token that opens every record is long enough not to be guessed. */
        static final int MIN_API_TOKEN = 32;

        Listening {
            hosts = Set.copyOf(hosts);
            origins = Set.copyOf(origins);
            if (apiToken.isPresent() && apiToken.get().length() < MIN_API_TOKEN) {
                throw new IllegalArgumentException("api-token has at least " + MIN_API_TOKEN + " characters");
            }
            if (development && !Loopback.is(address)) {
                throw new IllegalArgumentException("development mode listens on loopback only");
            }
        }

        @Override
        public String toString() {
            return "Listening[" + address + ":" + port + "]"; // holds a secret
        }
    }

    /**
     * A service that verifies delegations for itself and signs its own records.
     *
     * @param audience of the tokens made for it
     * @param jwks its public signing keys, as a JWK set
     */
    record Registered(String audience, String jwks) {}

    /**
     * The ledger's options; what is empty keeps the ledger's own default.
     *
     * @param pinFile outside the data directory
     * @param readers who may fetch its checkpoints and tiles
     */
    record LedgerOptions(
            String log,
            Optional<String> origin,
            Optional<Path> pinFile,
            Readers readers,
            int segmentBytes,
            int queueRecords,
            Duration appendTimeout,
            Duration checkpointInterval) {}

    enum Readers {
        /** Only who has the API token. */
        API_TOKEN,
        ANYONE
    }

    enum LogLevel {
        ERROR,
        WARNING,
        INFO,
        DEBUG
    }
}
