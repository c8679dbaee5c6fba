package io.behalf.server;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.delegation.Reason;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import io.behalf.gateway.Route;
import io.behalf.gateway.UpstreamTokens.Minted;
import io.behalf.ledger.IndexKey;
import io.behalf.verifier.DpopProofs;
import io.behalf.verifier.VerifiedDelegation;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MintedTokensTest {
    private static final Route TICKETS = Wiring.route("tickets", Wiring.TICKETS);
    private static final Route CUSTOMERS = Wiring.route("customers", Wiring.CUSTOMERS);
    private static final String RECORD = "rec_01JNAAAAAAAAAAAAAAAAAAAAAA";

    private Wiring wiring;
    private MintedTokens tokens;
    private VerifiedDelegation shown;

    @BeforeEach
    void open(@TempDir Path data) {
        wiring = new Wiring(data);
        tokens = new MintedTokens(wiring.authority(), wiring.clock);
        shown = wiring.task("alice");
    }

    @AfterEach
    void close() {
        tokens.close();
        wiring.close();
    }

    private Minted token(VerifiedDelegation presented, Route route) {
        return tokens.tokenFor(presented, route)
                .toCompletableFuture()
                .orTimeout(10, SECONDS)
                .join();
    }

    @Test
    void makesATokenForTheServiceAlone() throws Json.Malformed {
        Minted minted = token(shown, TICKETS);
        Delegation said =
                switch (DelegationClaims.fromJson(
                        CompactJws.parse(minted.token()).claims())) {
                    case Checked.Passed<Delegation>(var d) -> d;
                    case Checked.Refused<Delegation>(var no) -> throw new AssertionError(no.toString());
                };
        assertThat(said.audience()).isEqualTo(Wiring.TICKETS);
        assertThat(said.taskId()).isEqualTo(shown.delegation().taskId());
        assertThat(said.onBehalfOf()).isEqualTo(shown.delegation().onBehalfOf());
        assertThat(said.actors()).isEqualTo(shown.delegation().actors());
        assertThat(said.scope().permissions()).isNotEmpty().allSatisfy(permission -> assertThat(permission.service())
                .isEqualTo("tickets"));
        assertThat(said.binding()).isNotEqualTo(shown.delegation().binding());
        assertThat(said.expires())
                .isEqualTo(minted.expires())
                .isBeforeOrEqualTo(shown.delegation().expires());
        assertThat(said.jti()).isEqualTo(minted.jti());
    }

    @Test
    void keepsATokenForItsLife() {
        Minted first = token(shown, TICKETS);
        wiring.clock.pass(Duration.ofMinutes(4));
        assertThat(token(shown, TICKETS)).isSameAs(first);
    }

    @Test
    void makesOneForEachServiceAndEachDelegation() {
        Minted first = token(shown, TICKETS);
        assertThat(token(shown, CUSTOMERS).jti()).isNotEqualTo(first.jti());
        assertThat(token(wiring.task("alice"), TICKETS).jti()).isNotEqualTo(first.jti());
        assertThat(token(shown, TICKETS)).isSameAs(first);
    }

    /** Each one made is a record in the ledger and a transaction of the store. */
    @Test
    void makesNoMoreInTheLastMomentsWhenNoneWouldLiveLonger() {
        Minted first = token(shown, TICKETS);
        assertThat(first.expires()).isEqualTo(shown.delegation().expires());
        wiring.clock.pass(
                Duration.between(wiring.clock.instant(), first.expires()).minus(MintedTokens.SPARE.dividedBy(2)));
        assertThat(token(shown, TICKETS)).isSameAs(first);
    }

    @Test
    void makesNoneAfterTheDelegationsEnd() {
        token(shown, TICKETS);
        wiring.clock.pass(Duration.ofMinutes(5));
        assertThatThrownBy(() -> token(shown, TICKETS)).hasMessageContaining("no token for " + Wiring.TICKETS);
    }

    @Test
    void makesOneForAllWhoAskAtOnce() throws Exception {
        List<Callable<Minted>> all = new ArrayList<>();
        for (int i = 0; i < 32; i++) {
            all.add(() -> token(shown, TICKETS));
        }
        Set<String> jtis = new HashSet<>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (var minted : threads.invokeAll(all)) {
                jtis.add(minted.get().jti());
            }
        }
        assertThat(jtis).hasSize(1);
        wiring.indexed();
        assertThat(wiring.ledger().index().lookup(IndexKey.EVENT, "narrowed")).hasSize(1);
    }

    @Test
    void remembersNoRefusal() {
        Route unknown = Wiring.route("mail", "https://mail.test");
        assertThatThrownBy(() -> token(shown, unknown)).hasRootCauseInstanceOf(IllegalArgumentException.class);

        wiring.loseStore();
        assertThatThrownBy(() -> token(shown, TICKETS)).isNotNull();
        wiring.findStore();
        assertThat(token(shown, TICKETS).jti()).startsWith("dlg_");
    }

    @Test
    void makesNoneForAStoppedTask() {
        wiring.stop(shown.delegation().taskId());
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(() -> token(shown, TICKETS)).hasMessageContaining(Reason.DELEGATION_REVOKED.code());
        }
    }

    @Test
    void failsAndDoesNotThrowOnceItIsClosed() {
        tokens.close();
        assertThat(tokens.tokenFor(shown, TICKETS).toCompletableFuture()).isCompletedExceptionally();
    }

    @Test
    void provesPossessionForOneTokenOneMethodAndOneAddress() throws Json.Malformed {
        Minted minted = token(shown, TICKETS);
        String jkt = ((Binding.Key) wiring.atService(tokens, minted, Wiring.TICKETS, RECORD)
                        .delegation()
                        .binding())
                .jkt();
        String url = "http://127.0.0.1:9/tickets/1";
        String other = token(shown, CUSTOMERS).token();

        assertThat(proof(minted, "GET", url, minted.token(), "GET", url, jkt)).isEmpty();
        assertThat(proof(minted, "GET", url, minted.token(), "POST", url, jkt)).contains(Reason.PROOF_INVALID);
        assertThat(proof(minted, "GET", url, minted.token(), "GET", url + "1", jkt))
                .contains(Reason.PROOF_INVALID);
        assertThat(proof(minted, "GET", url, other, "GET", url, jkt)).contains(Reason.PROOF_INVALID);
        assertThat(proof(minted, "GET", url, minted.token(), "GET", url, "anothers"))
                .contains(Reason.BINDING_MISMATCH);
    }

    /** A proof made for the first three, checked against the last four. */
    private Optional<Reason> proof(
            Minted minted, String method, String url, String token, String asMethod, String asUrl, String jkt) {
        String made = tokens.proof(minted, RECORD, method, url);
        return switch (new DpopProofs()
                .check(List.of(made), DpopProofs.Expected.at(asMethod, asUrl, token, jkt), wiring.clock.instant())) {
            case Checked.Passed<VerificationKey> _ -> Optional.empty();
            case Checked.Refused<VerificationKey>(var no) -> Optional.of(no.reason());
        };
    }

    @Test
    void makesEachProofForOneUse() {
        Minted minted = token(shown, TICKETS);
        Set<String> proofs = new HashSet<>();
        for (int i = 0; i < 10; i++) {
            proofs.add(tokens.proof(minted, RECORD, "GET", "http://127.0.0.1:9/"));
        }
        assertThat(proofs).hasSize(10);
    }

    @Test
    void remembersWhatItMadeAndWhatItWasSentWith() {
        Minted minted = token(shown, TICKETS);
        VerifiedDelegation atService = wiring.atService(tokens, minted, Wiring.TICKETS, RECORD);
        assertThat(tokens.sentWith(RECORD)).contains(minted.jti());
        assertThat(tokens.made(minted.jti())).hasValueSatisfying(made -> {
            assertThat(made.audience()).isEqualTo(Wiring.TICKETS);
            assertThat(made.from()).contains(shown.delegation().jti());
            assertThat(made.held()).isEqualTo(atService.held());
            assertThat(made.basis()).isEqualTo(atService.basis());
        });
        assertThat(tokens.made(shown.delegation().jti())).isEmpty();
        assertThat(tokens.sentWith("rec_01JNBBBBBBBBBBBBBBBBBBBBBB")).isEmpty();
    }
}
