package io.behalf.server.sample;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.server.sample.CustomerService.Line;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class CustomerServiceTest {
    private static final Instant NOW = Instant.parse("2026-03-01T09:00:00Z");
    private static final String KEY = "the-agents-own-key";

    private final AtomicReference<CustomerService> service = new AtomicReference<>();
    private final Asking customers =
            new Asking(vertx -> CustomerService.start(vertx, KEY, Clock.fixed(NOW, ZoneOffset.UTC))
                    .map(running -> {
                        service.set(running.service());
                        return running.server();
                    }));

    @AfterEach
    void close() {
        customers.close();
    }

    private int asked(String method, String path, String authorization) {
        return customers
                .send(customers.request(method, path, "").header("Authorization", authorization))
                .statusCode();
    }

    /** Whoever shows the key may do everything, and the log never names a person. */
    @Test
    void logsTheKeysOwnerAndNobodyElse() {
        assertThat(asked("GET", "/customers/4711", "Bearer " + KEY)).isEqualTo(200);
        assertThat(asked("DELETE", "/customers/4712", "Bearer " + KEY)).isEqualTo(200);
        assertThat(asked("GET", "/invoices/1", "Bearer " + KEY)).isEqualTo(404);
        assertThat(service.get().log())
                .containsExactly(
                        new Line(NOW, "agent-svc", "GET", "/customers/4711", 200),
                        new Line(NOW, "agent-svc", "DELETE", "/customers/4712", 200),
                        new Line(NOW, "agent-svc", "GET", "/invoices/1", 404));
    }

    @Test
    void refusesAnotherKeyAndLogsThatToo() {
        assertThat(asked("GET", "/customers/4711", "Bearer " + KEY + "x")).isEqualTo(401);
        assertThat(asked("GET", "/customers/4711", KEY)).isEqualTo(401);
        assertThat(customers
                        .send(customers.request("GET", "/customers/4711", ""))
                        .statusCode())
                .isEqualTo(401);
        assertThat(service.get().log()).hasSize(3).allSatisfy(line -> assertThat(line.caller())
                .isEqualTo("-"));
    }
}
