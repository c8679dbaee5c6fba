package io.behalf.core.jose;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Provider;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import org.jspecify.annotations.Nullable;

/**
 * The one place that chooses who computes: the Corretto provider where it is on the class path and its native library
 * loads (it checks an ES256 signature in a tenth of the JDK's time), the JDK otherwise. EC and RSA keys are made by the
 * same provider that uses them, or each use would translate them.
 */
final class SignatureProvider {
    private static final int RSA_BITS = 3072;

    private static final @Nullable Provider NATIVE = corretto();

    private SignatureProvider() {}

    /** Name of the provider in use, for {@code behalf bench} and diagnostics. */
    static String name(SignatureAlgorithm algorithm) {
        return serves(algorithm) ? "AmazonCorrettoCryptoProvider" : "JDK";
    }

    static Signature signature(SignatureAlgorithm algorithm) throws GeneralSecurityException {
        Provider provider = NATIVE;
        return provider != null && serves(algorithm)
                ? Signature.getInstance(algorithm.jcaName(), provider)
                : Signature.getInstance(algorithm.jcaName());
    }

    static KeyFactory keyFactory(SignatureAlgorithm algorithm) throws GeneralSecurityException {
        Provider provider = NATIVE;
        return provider != null && provider.getService("KeyFactory", algorithm.keyType()) != null
                ? KeyFactory.getInstance(algorithm.keyType(), provider)
                : KeyFactory.getInstance(algorithm.keyType()); // Ed25519: the native signature takes the JDK's keys
    }

    static KeyPair generate(SignatureAlgorithm algorithm) throws GeneralSecurityException {
        // the JDK generates: it exports every key in a form that both can read
        KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm.keyType());
        if (algorithm == SignatureAlgorithm.ES256) {
            generator.initialize(new ECGenParameterSpec("secp256r1"));
        } else if (algorithm == SignatureAlgorithm.RS256) {
            generator.initialize(RSA_BITS);
        }
        return generator.generateKeyPair();
    }

    private static boolean serves(SignatureAlgorithm algorithm) {
        // a provider whose native library did not load offers no service
        return NATIVE != null && NATIVE.getService("Signature", algorithm.jcaName()) != null;
    }

    private static @Nullable Provider corretto() {
        try {
            // by name, so that a service may embed the verifier without native code
            return (Provider) Class.forName("com.amazon.corretto.crypto.provider.AmazonCorrettoCryptoProvider")
                    .getField("INSTANCE")
                    .get(null);
        } catch (ReflectiveOperationException | LinkageError absent) {
            return null;
        }
    }
}
