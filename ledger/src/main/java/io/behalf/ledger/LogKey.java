package io.behalf.ledger;

import io.behalf.core.merkle.Parsed;
import io.behalf.core.merkle.SignedNote;
import io.behalf.core.merkle.SignerKey;
import io.behalf.core.merkle.VerifierKey;
import io.behalf.ledger.LedgerFault.Code;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The key that signs a log's checkpoints: {@code keys/<log>.pem} for its owner's eyes only, made at the first start, and {@code vkey} in the
 * log's folder, one C2SP verifier key a line. Whoever can read the first can sign another history; that is what pin files are for.
 */
final class LogKey {
    static final String VKEY = "vkey";

    private static final Pattern PEM =
            Pattern.compile("-----BEGIN (PRIVATE|PUBLIC) KEY-----\\s+([A-Za-z0-9+/=\\s]+?)\\s+-----END \\1 KEY-----");

    private LogKey() {}

    /** The key of the log, made if the log is new. */
    static SignerKey open(LedgerSettings settings, Disk disk) throws IOException {
        Path file = settings.data().resolve("keys").resolve(settings.log() + ".pem");
        if (!Files.exists(file)) {
            if (disk.exists(VKEY) || disk.exists(Integrator.CHECKPOINT)) {
                throw new LedgerFault(
                        Code.OTHER_KEY, "the log's key " + file + " is missing: restore it from the backup of keys/");
            }
            create(file);
        }
        KeyPair pair = read(file);
        String origin;
        if (disk.exists(VKEY)) {
            origin = nameOf(disk, pair.getPublic(), settings.origin());
        } else if (disk.exists(Integrator.CHECKPOINT)) {
            throw new LedgerFault(Code.OTHER_KEY, "the log's vkey file is missing: restore it from a backup");
        } else {
            origin = settings.origin().orElseGet(LogKey::randomOrigin);
        }
        var signer = new SignerKey(VerifierKey.of(origin, pair.getPublic()), pair.getPrivate());
        // Files can be mixed up: a pair that does not fit would sign what nobody can check.
        SignedNote probe = signer.sign("key check\n");
        if (probe.signedBy(List.of(signer.verifier())) instanceof Parsed.Invalid) {
            throw new LedgerFault(Code.OTHER_KEY, "the two halves of " + file + " are not one pair");
        }
        if (!disk.exists(VKEY)) {
            disk.replace(VKEY, (signer.verifier().vkey() + "\n").getBytes(StandardCharsets.UTF_8));
        }
        return signer;
    }

    private static String nameOf(Disk disk, PublicKey key, Optional<String> configured) throws IOException {
        List<VerifierKey> known = parse(
                        StandardCharsets.UTF_8.decode(disk.contents(VKEY)).toString())
                .fold(keys -> keys, problem -> {
                    throw new LedgerFault(Code.OTHER_KEY, "the log's vkey file is damaged: " + problem);
                });
        VerifierKey own = known.stream()
                .filter(candidate -> candidate.key().equals(key))
                .findFirst()
                .orElseThrow(
                        () -> new LedgerFault(
                                Code.OTHER_KEY,
                                "the key in keys/ is not one of the log's vkey file: this is another log's key or another log"));
        if (configured.isPresent() && !configured.get().equals(own.name())) {
            throw new LedgerFault(
                    Code.OTHER_KEY,
                    "the log's origin is " + own.name() + ", the configuration says " + configured.get());
        }
        return own.name();
    }

    /** Reads a vkey file. */
    static Parsed<List<VerifierKey>> parse(String vkeys) {
        if (!vkeys.endsWith("\n")) {
            return Parsed.invalid("it does not end with a line end");
        }
        var keys = new java.util.ArrayList<VerifierKey>();
        for (String line : vkeys.substring(0, vkeys.length() - 1).split("\n", -1)) {
            switch (VerifierKey.parse(line)) {
                case Parsed.Valid<VerifierKey>(var key) -> keys.add(key);
                case Parsed.Invalid<VerifierKey>(var problem) -> {
                    return Parsed.invalid(problem);
                }
            }
        }
        return Parsed.valid(List.copyOf(keys));
    }

    private static String randomOrigin() {
        byte[] random = new byte[8];
        new SecureRandom().nextBytes(random);
        return "behalf.local/" + HexFormat.of().formatHex(random);
    }

    private static void create(Path file) throws IOException {
        KeyPair pair;
        try {
            pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has Ed25519", e);
        }
        String pem = pem("PRIVATE", pair.getPrivate().getEncoded())
                + pem("PUBLIC", pair.getPublic().getEncoded());
        Path folder = file.resolveSibling("");
        Files.createDirectories(folder);
        Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
        Files.deleteIfExists(temporary);
        // Born readable by its owner only: a moment of wider rights would be enough.
        try (FileChannel out = FileChannel.open(
                temporary,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            out.write(ByteBuffer.wrap(pem.getBytes(StandardCharsets.US_ASCII)));
            out.force(true);
        }
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        try (FileChannel names = FileChannel.open(folder, StandardOpenOption.READ)) {
            names.force(true);
        }
    }

    private static String pem(String kind, byte[] der) {
        return "-----BEGIN " + kind + " KEY-----\n" + Base64.getEncoder().encodeToString(der) + "\n-----END " + kind
                + " KEY-----\n";
    }

    private static KeyPair read(Path file) throws IOException {
        String pem = Files.readString(file, StandardCharsets.US_ASCII);
        PrivateKey privateKey = null;
        PublicKey publicKey = null;
        try {
            KeyFactory factory = KeyFactory.getInstance("Ed25519");
            for (Matcher block = PEM.matcher(pem); block.find(); ) {
                byte[] der = Base64.getMimeDecoder().decode(block.group(2));
                if (block.group(1).equals("PRIVATE")) {
                    privateKey = factory.generatePrivate(new PKCS8EncodedKeySpec(der));
                } else {
                    publicKey = factory.generatePublic(new X509EncodedKeySpec(der));
                }
            }
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            throw new LedgerFault(Code.OTHER_KEY, "the log's key " + file + " is damaged", e);
        }
        if (privateKey == null || publicKey == null) {
            throw new LedgerFault(Code.OTHER_KEY, "the log's key " + file + " is damaged");
        }
        return new KeyPair(publicKey, privateKey);
    }
}
