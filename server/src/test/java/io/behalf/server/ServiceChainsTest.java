package io.behalf.server;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.Base64Url;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.json.Json;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.Downstream;
import io.behalf.core.record.AuditRecord.Header;
import io.behalf.core.record.AuditRecord.ServiceSigned;
import io.behalf.core.record.RecordEncoder;
import io.behalf.gateway.UpstreamTokens.Minted;
import io.behalf.ledger.Committed;
import io.behalf.ledger.IndexKey;
import io.behalf.ledger.LedgerFault;
import io.behalf.server.ServiceChains.Taken;
import io.behalf.verifier.DownstreamChain;
import io.behalf.verifier.DownstreamChain.Position;
import io.behalf.verifier.VerifiedDelegation;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a registered service can hand in, and everything that a false one may try. */
class ServiceChainsTest {
    private static final Decided PERMIT = new Decided(
            true, true, Optional.empty(), List.of("within-scope"), "7f3a".repeat(16), AuditRecord.Mode.ENFORCE);

    private final SecureRandom random = new SecureRandom();
    private final SigningKey key = SigningKey.generate();
    private final SigningKey otherKey = SigningKey.generate();
    private final SigningKey customersKey = SigningKey.generate();
    private final SigningKey edKey = SigningKey.generate(SignatureAlgorithm.EDDSA);
    private Wiring wiring;
    private FailingLedger ledger;
    private MintedTokens tokens;
    private ServiceChains chains;

    /** Alice's task, its token for the ticket service, and a call that this token was sent with. */
    private VerifiedDelegation task;

    private Minted minted;
    private String call;
    private VerifiedDelegation shown;
    private DownstreamChain service;

    @BeforeEach
    void open(@TempDir Path data) throws Json.Malformed {
        wiring = new Wiring(data);
        begin();
        task = wiring.task("alice");
        minted = minted(task, "tickets", Wiring.TICKETS);
        call = forwarded(task, "tickets");
        shown = wiring.atService(tokens, minted, Wiring.TICKETS, call);
        service = new DownstreamChain("tickets", key, Position.START);
    }

    @AfterEach
    void close() {
        tokens.close();
        wiring.close();
    }

    /** What a new process holds in memory: nothing but what the ledger told it. */
    private void begin() throws Json.Malformed {
        ledger = new FailingLedger(wiring.ledger());
        tokens = new MintedTokens(wiring.authority(), wiring.clock);
        chains = new ServiceChains(
                Map.of(
                        "tickets",
                        new Configuration.Registered(Wiring.TICKETS, Wiring.jwks(key, otherKey, edKey)),
                        "customers",
                        new Configuration.Registered(Wiring.CUSTOMERS, Wiring.jwks(customersKey))),
                ledger,
                wiring.ledger(),
                tokens,
                wiring.clock,
                "test-node");
    }

    private void restart() throws Json.Malformed {
        tokens.close();
        wiring.restart();
        begin();
    }

    // ---- what counts

    @Test
    void takesInWhatAServiceSaysOfItsCall() throws Exception {
        Downstream said = said(service);
        Committed committed = in(bytes(said));

        Downstream kept = kept(committed);
        assertThat(kept.header().id())
                .isEqualTo(committed.recordId())
                .isNotEqualTo(said.header().id());
        assertThat(kept.header().node()).isEqualTo("test-node");
        assertThat(kept.header().time()).isEqualTo(wiring.clock.instant());
        assertThat(kept.of()).contains(call);
        assertThat(kept.call()).isEqualTo(said.call());
        assertThat(kept.decision()).isEqualTo(said.decision());
        assertThat(DownstreamChain.signedBy(kept, key.publicKey())).isTrue();
    }

    @Test
    void takesInAChain() throws Exception {
        for (int i = 0; i < 3; i++) {
            Downstream said = said(service);
            in(bytes(said));
            assertThat(service.position().last()).contains(DownstreamChain.leaf(said));
        }
        assertThat(service.position().records()).isEqualTo(3);
    }

    @Test
    void takesInARecordThatNamesNoCall() throws Exception {
        in(bytes(next(service, shown, Optional.empty(), ownCall("tickets"))));
    }

    // ---- who signed it

    @Test
    void refusesAServiceOrAKeyThatIsNotRegistered() throws Exception {
        refused(401, bytes(said(new DownstreamChain("mail", key, Position.START))));
        refused(401, bytes(said(new DownstreamChain("tickets", SigningKey.generate(), Position.START))));
        refused(401, bytes(said(new DownstreamChain("tickets", customersKey, Position.START))));
        refused(401, bytes(said(new DownstreamChain("customers", key, Position.START))));
    }

    /** RFC 8725 §3.1: ES256 and no other, though a key of it stands in the key set. */
    @Test
    void refusesAnotherAlgorithm() throws Exception {
        refused(401, bytes(said(new DownstreamChain("tickets", edKey, Position.START))));
    }

    @Test
    void refusesWhatWasNotSignedLikeThis() throws Exception {
        Downstream said = said(service);
        Downstream other = said(new DownstreamChain("tickets", otherKey, Position.START));
        ServiceSigned s = said.downstream();
        refused(401, bytes(with(said, signature(s, other.downstream().sig()))));
        refused(401, bytes(with(said, signature(s, ""))));
        refused(401, bytes(with(said, signature(s, "not base64url!"))));
        refused(401, bytes(with(said, new ServiceSigned(s.service(), 2, s.prev(), s.kid(), s.sig(), s.seenJti()))));
        refused(
                401,
                bytes(new Downstream(
                        said.header(), Optional.empty(), said.call(), said.decision(), said.downstream())));
        refused(401, bytes(new Downstream(said.header(), said.of(), said.call(), Optional.empty(), s)));
        in(bytes(said));
    }

    private static ServiceSigned signature(ServiceSigned s, String sig) {
        return new ServiceSigned(s.service(), s.seq(), s.prev(), s.kid(), sig, s.seenJti());
    }

    // ---- its form

    @Test
    void refusesWhatIsNoRecord() throws Exception {
        String good = text(said(service));
        for (String body : List.of(
                "",
                "no JSON",
                "[]",
                "null",
                "{}",
                good + good,
                good.substring(0, good.length() - 1),
                good.replace("\"v\":1", "\"v\":2"),
                good.replace("\"v\":1", "\"v\":1,\"v\":1"),
                good.replace("\"kind\":\"downstream\"", "\"kind\":\"downstream\",\"kind\":\"downstream\""),
                good.replace("\"seq\":1", "\"seq\":0"),
                good.replace("\"seq\":1", "\"seq\":1.5"),
                good.replace("\"seq\":1", "\"seq\":9007199254740993"),
                good.replace("\"seq\":1", "\"seq\":123456789012345678901234567890"),
                good.replace(call, "rec_not"),
                good.replace("\"task_id\"", "\"task\""))) {
            refused(400, body.getBytes(StandardCharsets.UTF_8));
        }
        refused(400, new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'});
        assertThat(downstreamRecords()).isZero();
    }

    @Test
    void refusesARecordOfAnotherKind() throws Exception {
        String good = text(said(service));
        for (String kind : List.of("intent", "check", "refusal", "outcome", "unknown", "lifecycle", "other")) {
            refused(
                    400,
                    good.replace("\"kind\":\"downstream\"", "\"kind\":\"" + kind + "\"")
                            .getBytes(StandardCharsets.UTF_8));
        }
    }

    /** What is not kept would be missing when the signature is checked again. */
    @Test
    void refusesWhatItWouldNotKeep() throws Exception {
        String good = text(said(service));
        for (String more : List.of(
                "\"task_seq\":1",
                "\"prev\":null",
                "\"note\":\"hidden\"",
                "\"late\":true",
                "\"late\":false",
                "\"outcome\":{}",
                "\"lifecycle\":{\"by\":\"operator\",\"data\":{},\"event\":\"revoked\"}",
                "\"fraction\":1.5")) {
            refused(400, ("{" + more + "," + good.substring(1)).getBytes(StandardCharsets.UTF_8));
        }
        refused(
                400,
                good.replace("\"rules\":[\"within-scope\"]", "\"rules\":[\"" + "r".repeat(300) + "\"]")
                        .getBytes(StandardCharsets.UTF_8));
        in(good.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void refusesWhatIsTooLarge() throws Exception {
        byte[] large = new byte[ServiceChains.MAX_BYTES + 1];
        refused(413, large);
    }

    // ---- what it speaks of

    @Test
    void refusesATokenThatWasNotMadeForTheService() throws Exception {
        Minted other = minted(task, "customers", Wiring.CUSTOMERS);
        String theirs = forwarded(task, "customers");
        VerifiedDelegation atCustomers = wiring.atService(tokens, other, Wiring.CUSTOMERS, theirs);
        refused(403, bytes(next(service, atCustomers, Optional.of(theirs), ownCall("tickets"))));
        // the agent's own token, which only the gateway is shown
        refused(403, bytes(next(fresh(), task, Optional.empty(), ownCall("tickets"))));
    }

    @Test
    void refusesATokenThatNobodyMade() throws Exception {
        refused(
                403,
                bytes(changed(s -> new ServiceSigned(
                        s.service(),
                        s.seq(),
                        s.prev(),
                        s.kid(),
                        s.sig(),
                        Ids.next("dlg", wiring.clock.instant(), random)))));
    }

    @Test
    void refusesTheTokenOfOneTaskInARecordOfAnother() throws Exception {
        VerifiedDelegation bobs = wiring.task("bob");
        Header h = said(fresh()).header();
        refused(403, bytes(under(h, Optional.of(bobs.delegation().taskId()), h.basis(), h.actors(), h.delegation())));
    }

    /** Or it would be found among what another person, agent or token did. */
    @Test
    void refusesAnotherPersonAgentOrTokenThanTheTokenNames() throws Exception {
        VerifiedDelegation bobs = wiring.task("bob");
        Header h = said(fresh()).header();
        refused(403, bytes(under(h, h.task(), Optional.of(bobs.basis()), h.actors(), h.delegation())));
        refused(403, bytes(under(h, h.task(), Optional.empty(), h.actors(), h.delegation())));
        refused(
                403,
                bytes(under(
                        h,
                        h.task(),
                        Optional.of(new Basis.Unattributed("agent:agent", Optional.empty())),
                        h.actors(),
                        h.delegation())));
        refused(403, bytes(under(h, h.task(), h.basis(), List.of("another-agent"), h.delegation())));
        refused(403, bytes(under(h, h.task(), h.basis(), List.of(), h.delegation())));
        refused(403, bytes(under(h, h.task(), h.basis(), h.actors(), Optional.of(bobs.held()))));
        refused(403, bytes(under(h, h.task(), h.basis(), h.actors(), Optional.of(task.held()))));
        refused(403, bytes(under(h, h.task(), h.basis(), h.actors(), Optional.empty())));
        in(bytes(under(h, h.task(), h.basis(), h.actors(), h.delegation())));
    }

    @Test
    void refusesACallOfAnotherService() throws Exception {
        refused(403, bytes(next(fresh(), shown, Optional.of(call), ownCall("customers"))));
    }

    /** A record that could join any call would put a service's words under what it never saw. */
    @Test
    void refusesToJoinACallThatTheTokenWasNotSentWith() throws Exception {
        VerifiedDelegation bobs = wiring.task("bob");
        String bobsCall = forwarded(bobs, "tickets");
        Minted bobsToken = minted(bobs, "tickets", Wiring.TICKETS);
        wiring.atService(tokens, bobsToken, Wiring.TICKETS, bobsCall);
        String ownCallElsewhere = forwarded(task, "customers");
        String refusal = refusal(task);
        wiring.indexed();
        for (String of :
                List.of(bobsCall, ownCallElsewhere, refusal, Ids.next("rec", wiring.clock.instant(), random))) {
            refused(403, bytes(next(fresh(), shown, Optional.of(of), ownCall("tickets"))));
        }
    }

    // ---- an agent that calls the service without a gateway

    /** What it holds is in no memory here, and the ledger's index is a moment behind. */
    @Test
    void takesInWhatAServiceSaysOfAnAgentsOwnToken() throws Exception {
        in(bytes(next(service, wiring.withoutGateway("bob"), Optional.empty(), ownCall("tickets"))));
    }

    /** That its token is not found yet says nothing of it: refused for good, the service's chain would have ended. */
    @Test
    void asksForARecordAgainWhileNoCheckpointShowsItsToken(@TempDir Path seldomSigned) throws Exception {
        close();
        wiring = new Wiring(seldomSigned, Duration.ofDays(1));
        begin();
        byte[] said = bytes(next(service, wiring.withoutGateway("bob"), Optional.empty(), ownCall("tickets")));
        assertThat(chains.take(said))
                .isEqualTo(new Taken.Refused(503, "The ledger's index is not there yet. Send the record again."));

        restart(); // the end of a ledger is signed at once
        in(said);
    }

    @Test
    void takesInWhatSpeaksOfANewTokenUnderLoad(@TempDir Path seldomSigned) throws Exception {
        close();
        wiring = new Wiring(seldomSigned, Duration.ofSeconds(1));
        begin();
        VerifiedDelegation others = wiring.task("alice");
        var goesOn = new AtomicBoolean(true);
        Thread load = Thread.startVirtualThread(() -> {
            while (goesOn.get()) {
                for (int i = 1; i < TilePath.FULL; i++) {
                    var _ = wiring.ledger().append(refused(others));
                }
                refusal(others);
                LockSupport.parkNanos(MILLISECONDS.toNanos(50)); // bundles fill, and the index follows
            }
        });
        try {
            while (wiring.ledger().checkpoint().size() < TilePath.FULL) {
                Thread.sleep(1);
            }
            in(bytes(next(service, wiring.withoutGateway("bob"), Optional.empty(), ownCall("tickets"))));
        } finally {
            goesOn.set(false);
            load.join();
        }
    }

    /** The agent sends any Behalf-Record that it likes. If that were refused, it would have ended the service's chain. */
    @Test
    void keepsAnAgentsWordFromTheStoriesOfOthers() throws Exception {
        VerifiedDelegation direct = wiring.withoutGateway("bob");
        String unattributed = new WrittenTask(wiring.ledger(), 7).unattributed();
        List<String> said = new ArrayList<>();
        for (String of : List.of(call, unattributed, Ids.next("rec", wiring.clock.instant(), random))) {
            said.add(in(bytes(next(service, direct, Optional.of(of), ownCall("tickets"))))
                    .recordId());
        }
        in(bytes(said(service)));

        wiring.indexed();
        var stories = new TaskReader(wiring.ledger().reader(), wiring.ledger().index()::lookup);
        assertThat(stories.stories(IndexKey.RECORD, call)).singleElement().satisfies(story -> {
            assertThat(story.task()).contains(task.delegation().taskId());
            assertThat(story.toString()).doesNotContain(said);
        });
        assertThat(stories.stories(IndexKey.RECORD, unattributed))
                .singleElement()
                .satisfies(story -> {
                    assertThat(story.task()).isEmpty();
                    assertThat(story.toString()).doesNotContain(said);
                });
        assertThat(stories.stories(IndexKey.RECORD, said.getFirst()))
                .singleElement()
                .satisfies(story ->
                        assertThat(story.task()).contains(direct.delegation().taskId()));
    }

    @Test
    void refusesToJoinAnAgentsOwnTokenToAnotherPerson() throws Exception {
        VerifiedDelegation direct = wiring.withoutGateway("bob");
        Downstream said = next(fresh(), direct, Optional.empty(), ownCall("tickets"));
        Header h = said.header();
        Header alices = new Header(
                h.id(),
                h.time(),
                h.node(),
                h.task(),
                Optional.of(task.basis()),
                h.actors(),
                h.delegation(),
                Optional.empty(),
                false);
        refused(403, bytes(signed(new Downstream(alices, said.of(), said.call(), said.decision(), said.downstream()))));
    }

    // ---- its place in the chain

    @Test
    void refusesWhatDoesNotFollow() throws Exception {
        Downstream first = said(service);
        Downstream second = said(service);
        Downstream third = said(service);
        refused(409, bytes(second));
        in(bytes(first));
        refused(409, bytes(third));
        refused(409, bytes(said(new DownstreamChain("tickets", key, new Position(1, Optional.of("00".repeat(32)))))));
        refused(409, bytes(said(new DownstreamChain("tickets", key, new Position(1, Optional.empty())))));
        in(bytes(second));
        in(bytes(third));
        refused(409, bytes(first));
        refused(409, bytes(second));
        assertThat(downstreamRecords()).isEqualTo(3);
    }

    @Test
    void answersTheSameRecordAgainWithoutWritingItAgain() throws Exception {
        byte[] said = bytes(said(service));
        Committed first = in(said);
        assertThat(in(said)).isEqualTo(first);
        assertThat(downstreamRecords()).isEqualTo(1);

        restart();
        assertThat(in(said)).isEqualTo(first);
        assertThat(downstreamRecords()).isEqualTo(1);
    }

    @Test
    void aServiceThatLostItsPlaceBeginsWithANewKey() throws Exception {
        in(bytes(said(service)));
        in(bytes(said(service)));
        refused(409, bytes(said(fresh())));
        in(bytes(said(new DownstreamChain("tickets", otherKey, Position.START))));
        in(bytes(said(service)));
    }

    @Test
    void takesARecordThatCouldNotBeWrittenWhenItIsSentAgain() throws Exception {
        in(bytes(said(service)));
        byte[] second = bytes(said(service));
        ledger.fail(true);
        for (int i = 0; i < 2; i++) {
            assertThat(fault(second)).isInstanceOf(LedgerFault.class);
        }
        ledger.fail(false);
        in(second);
        in(bytes(said(service)));
        assertThat(downstreamRecords()).isEqualTo(3);
    }

    @Test
    void takesNoRecordBeforeTheOneBeforeItIsWritten() throws Exception {
        byte[] first = bytes(said(service));
        byte[] second = bytes(said(service));
        CompletableFuture<Void> disk = ledger.hang();
        Taken waiting = chains.take(first);
        refused(409, second);
        ledger.fail(true);
        disk.complete(null);
        assertThat(((Taken.In) waiting).committed().toCompletableFuture()).isCompletedExceptionally();
        refused(409, second);
        ledger.fail(false);
        in(first);
        in(second);
    }

    @Test
    void takesOneRecordOnceHoweverOftenItComesAtOnce() throws Exception {
        byte[] said = bytes(said(service));
        List<Callable<String>> all = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            all.add(() -> in(said).recordId());
        }
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            String first = in(said).recordId();
            for (var id : threads.invokeAll(all)) {
                assertThat(id.get()).isEqualTo(first);
            }
        }
        assertThat(downstreamRecords()).isEqualTo(1);
    }

    @Test
    void keepsTheChainsOfTwoKeysApart() throws Exception {
        List<Callable<Long>> both = new ArrayList<>();
        for (SigningKey signing : List.of(key, otherKey)) {
            both.add(() -> {
                var chain = new DownstreamChain("tickets", signing, Position.START);
                for (int i = 0; i < 20; i++) {
                    in(bytes(said(chain)));
                }
                return chain.position().records();
            });
        }
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (var records : threads.invokeAll(both)) {
                assertThat(records.get()).isEqualTo(20);
            }
        }
        assertThat(downstreamRecords()).isEqualTo(40);
    }

    // ---- after a restart

    @Test
    void goesOnAfterARestartWithWhatTheServiceStillHad() throws Exception {
        in(bytes(said(service)));
        byte[] late = bytes(said(service));
        String unknown = Ids.next("rec", wiring.clock.instant(), random);

        restart();
        refused(
                403,
                bytes(next(
                        new DownstreamChain("tickets", key, service.position()),
                        shown,
                        Optional.of(unknown),
                        ownCall("tickets"))));
        in(late);
        in(bytes(said(service)));
        assertThat(downstreamRecords()).isEqualTo(3);
    }

    @Test
    void believesNoMoreAfterARestartThanBefore() throws Exception {
        Minted other = minted(task, "customers", Wiring.CUSTOMERS);
        String theirs = forwarded(task, "customers");
        VerifiedDelegation atCustomers = wiring.atService(tokens, other, Wiring.CUSTOMERS, theirs);
        VerifiedDelegation bobs = wiring.task("bob");
        String bobsCall = forwarded(bobs, "tickets");
        Header h = said(fresh()).header();

        restart();
        for (String of : List.of(theirs, bobsCall, refusal(task))) {
            refused(403, bytes(next(fresh(), shown, Optional.of(of), ownCall("tickets"))));
        }
        for (VerifiedDelegation notForIt : List.of(atCustomers, task)) {
            refused(403, bytes(next(fresh(), notForIt, Optional.empty(), ownCall("tickets"))));
        }
        refused(403, bytes(under(h, h.task(), Optional.of(bobs.basis()), h.actors(), h.delegation())));
        in(bytes(under(h, h.task(), h.basis(), h.actors(), h.delegation())));
    }

    // ---- making records

    private Minted minted(VerifiedDelegation presented, String name, String audience) {
        return tokens.tokenFor(presented, Wiring.route(name, audience))
                .toCompletableFuture()
                .orTimeout(10, SECONDS)
                .join();
    }

    /** The gateway's intent, durable. */
    private String forwarded(VerifiedDelegation presented, String name) {
        return written(new AuditRecord.Intent(header(presented), httpCall(name), PERMIT, Optional.empty()));
    }

    private String refusal(VerifiedDelegation presented) {
        return written(refused(presented));
    }

    private AuditRecord refused(VerifiedDelegation presented) {
        return new AuditRecord.Refused(header(presented), httpCall("tickets"), PERMIT);
    }

    private String written(AuditRecord record) {
        return wiring.ledger()
                .append(record)
                .toCompletableFuture()
                .orTimeout(10, SECONDS)
                .join()
                .recordId();
    }

    private Header header(VerifiedDelegation presented) {
        return new Header(
                Ids.next("rec", wiring.clock.instant(), random),
                wiring.clock.instant(),
                "test-node",
                Optional.of(presented.delegation().taskId()),
                Optional.of(presented.basis()),
                presented.delegation().actors(),
                Optional.of(presented.held()),
                Optional.empty(),
                false);
    }

    private static Call httpCall(String name) {
        return call(AuditRecord.Surface.HTTP, name);
    }

    private static Call ownCall(String name) {
        return call(AuditRecord.Surface.DOWNSTREAM, name);
    }

    private static Call call(AuditRecord.Surface surface, String name) {
        return new Call(
                surface,
                name,
                "read",
                List.of("tickets/t-101"),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                -1);
    }

    private DownstreamChain fresh() {
        return new DownstreamChain("tickets", key, Position.START);
    }

    private Downstream said(DownstreamChain chain) {
        return next(chain, shown, Optional.of(call), ownCall("tickets"));
    }

    private Downstream next(DownstreamChain chain, VerifiedDelegation presented, Optional<String> of, Call own) {
        return chain.next(presented, of, own, PERMIT, Optional.empty(), wiring.clock.instant());
    }

    /** The chain's first record with other facts in its header, signed by the service all the same. */
    private Downstream under(
            Header h,
            Optional<TaskId> task,
            Optional<Basis> basis,
            List<String> actors,
            Optional<AuditRecord.Held> held) {
        Header other = new Header(h.id(), h.time(), h.node(), task, basis, actors, held, Optional.empty(), false);
        Downstream said = said(fresh());
        return signed(new Downstream(other, said.of(), said.call(), said.decision(), said.downstream()));
    }

    private Downstream changed(UnaryOperator<ServiceSigned> change) {
        Downstream said = said(fresh());
        return signed(with(said, change.apply(said.downstream())));
    }

    private static Downstream with(Downstream said, ServiceSigned signed) {
        return new Downstream(said.header(), said.of(), said.call(), said.decision(), signed);
    }

    private Downstream signed(Downstream draft) {
        String sig = Base64Url.encode(key.sign(RecordEncoder.signedForm(draft)));
        return with(draft, signature(draft.downstream(), sig));
    }

    private static byte[] bytes(Downstream record) {
        CanonicalWriter out = new CanonicalWriter();
        RecordEncoder.encode(record, 0, null, out);
        return out.toByteArray();
    }

    private static String text(Downstream record) {
        return new String(bytes(record), StandardCharsets.UTF_8);
    }

    // ---- handing them in

    private Committed in(byte[] body) throws InterruptedException {
        return switch (chains.take(body)) {
            case Taken.In in ->
                in.committed().toCompletableFuture().orTimeout(10, SECONDS).join();
            case Taken.Refused(int status, String sentence) -> throw new AssertionError(status + " " + sentence);
        };
    }

    private Throwable fault(byte[] body) throws InterruptedException {
        try {
            throw new AssertionError("taken in: " + in(body));
        } catch (CompletionException e) {
            return Objects.requireNonNull(e.getCause());
        }
    }

    private void refused(int status, byte[] body) throws InterruptedException {
        assertThat(chains.take(body))
                .as(new String(body, StandardCharsets.UTF_8))
                .isInstanceOfSatisfying(
                        Taken.Refused.class, no -> assertThat(no.status()).isEqualTo(status));
    }

    private Downstream kept(Committed committed) {
        wiring.indexed();
        long[] found = wiring.ledger().index().lookup(IndexKey.RECORD, committed.recordId());
        assertThat(found).hasSize(1);
        return (Downstream)
                LedgerRecords.decode(found[0], wiring.ledger().reader().entry(found[0]));
    }

    private long downstreamRecords() {
        wiring.indexed();
        List<Long> found = new ArrayList<>();
        LedgerRecords.visit(wiring.ledger().reader(), "downstream", Downstream.class, (entry, _) -> found.add(entry));
        return found.size();
    }
}
