package swap;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.attribute.FileAttribute;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.List;
import java.util.regex.Pattern;
import javax.security.sasl.AuthenticationException;
import org.apache.hadoop.conf.Configured;
import org.apache.hadoop.hive.conf.HiveConf;
import org.apache.hadoop.hive.ql.parse.ASTNode;
import org.apache.hadoop.hive.ql.parse.AbstractSemanticAnalyzerHook;
import org.apache.hadoop.hive.ql.parse.HiveParser;
import org.apache.hadoop.hive.ql.parse.HiveSemanticAnalyzerHookContext;
import org.apache.hadoop.hive.ql.parse.SemanticException;
import org.apache.hadoop.hive.ql.security.HiveAuthenticationProvider;
import org.apache.hadoop.hive.ql.security.authorization.plugin.HiveAccessControlException;
import org.apache.hadoop.hive.ql.security.authorization.plugin.HiveAuthorizer;
import org.apache.hadoop.hive.ql.security.authorization.plugin.HiveAuthorizerFactory;
import org.apache.hadoop.hive.ql.security.authorization.plugin.HiveAuthzContext;
import org.apache.hadoop.hive.ql.security.authorization.plugin.HiveAuthzPluginException;
import org.apache.hadoop.hive.ql.security.authorization.plugin.HiveAuthzSessionContext;
import org.apache.hadoop.hive.ql.security.authorization.plugin.HiveMetastoreClientFactory;
import org.apache.hadoop.hive.ql.security.authorization.plugin.HiveOperationType;
import org.apache.hadoop.hive.ql.security.authorization.plugin.HivePrivilegeObject;
import org.apache.hadoop.hive.ql.security.authorization.plugin.fallback.FallbackHiveAuthorizer;
import org.apache.hadoop.hive.ql.session.SessionState;
import org.apache.hive.service.auth.PasswdAuthenticationProvider;
import org.codehaus.janino.ClassLoaderIClassLoader;
import org.codehaus.janino.Parser;
import org.codehaus.janino.Scanner;
import org.codehaus.janino.UnitCompiler;
import org.codehaus.janino.util.ClassFile;

/** What guards the demo's Hive: its accounts have passwords, and nobody but its owner changes or writes anything. */
public class Guard {
    private static final String DENIED = "Permission denied: nobody but the owner writes here";

    /** Compiles its own source, the first argument, into a directory, the second, where Hive finds it by name. */
    public static void main(String[] args) throws Exception {
        Parser source = new Parser(new Scanner(args[0]));
        ClassLoaderIClassLoader known = new ClassLoaderIClassLoader(Parser.class.getClassLoader());
        for (ClassFile made : new UnitCompiler(source.parseCompilationUnit(), known).compileUnit(true, true, true)) {
            Path path = Paths.get(args[1], new String[] {made.getThisClassName().replace('.', '/') + ".class"});
            Files.createDirectories(path.getParent(), new FileAttribute[0]);
            Files.write(path, made.toByteArray(), new OpenOption[0]);
        }
    }

    /** Lets in who knows a password: the settings hold its digest, as swap.account.(name). */
    public static class Door extends Configured implements PasswdAuthenticationProvider {
        public void Authenticate(String account, String password) throws AuthenticationException {
            String digest = getConf().get("swap.account." + account, "");
            if (!MessageDigest.isEqual(digest.getBytes(StandardCharsets.UTF_8), digest(password))) {
                throw new AuthenticationException("No such account, or another password");
            }
        }

        private static byte[] digest(String password) throws AuthenticationException {
            try {
                byte[] made = MessageDigest.getInstance("SHA-256").digest(password.getBytes(StandardCharsets.UTF_8));
                return String.format("%064x", new Object[] {new BigInteger(1, made)}).getBytes(StandardCharsets.UTF_8);
            } catch (NoSuchAlgorithmException error) {
                throw new AuthenticationException(error.getMessage());
            }
        }
    }

    /** Refuses what writes before Hive makes a directory for it, which it does where that is to go, and before it asks for rights. */
    public static class Fence extends AbstractSemanticAnalyzerHook {
        private static final Pattern READS = Pattern.compile("TOK_(QUERY|SWITCHDATABASE|DESC.*|SHOW.*)");

        public ASTNode preAnalyze(HiveSemanticAnalyzerHookContext context, ASTNode said) throws SemanticException {
            String owner = HiveConf.getVar(context.getConf(), HiveConf.ConfVars.USERS_IN_ADMIN_ROLE);
            if (!owner.equals(SessionState.getUserFromAuthenticator()) && !reads(said)) {
                throw new SemanticException(DENIED);
            }
            return said;
        }

        private static boolean reads(ASTNode said) {
            ASTNode top = said;
            while (top.getText().startsWith("TOK_EXPLAIN") && top.getChildCount() > 0) {
                top = (ASTNode) top.getChild(0);
            }
            if (!READS.matcher(top.getText()).matches()) {
                return false;
            }
            ArrayDeque left = new ArrayDeque();
            left.push(top);
            while (!left.isEmpty()) {
                ASTNode node = (ASTNode) left.pop();
                boolean goes = node.getType() == HiveParser.TOK_DESTINATION && !isAnswer((ASTNode) node.getChild(0));
                if (goes || node.getType() == HiveParser.TOK_INSERT_INTO) {
                    return false;
                }
                for (int at = 0; at < node.getChildCount(); at++) {
                    left.push(node.getChild(at));
                }
            }
            return true;
        }

        private static boolean isAnswer(ASTNode where) {
            return where.getType() == HiveParser.TOK_DIR && where.getChild(0).getType() == HiveParser.TOK_TMP_FILE;
        }
    }

    /** Makes the rights of a session. */
    public static class Factory implements HiveAuthorizerFactory {
        public HiveAuthorizer createHiveAuthorizer(
            HiveMetastoreClientFactory metastore, HiveConf conf, HiveAuthenticationProvider who, HiveAuthzSessionContext session
        ) {
            return new Rights(conf, who, session);
        }
    }

    /** Hive's own fallback, which keeps local files and programs for the owner, as whom nobody else may write either. */
    public static class Rights extends FallbackHiveAuthorizer {
        private static final Pattern READS = Pattern.compile("QUERY|EXPLAIN|SWITCHDATABASE|RESET|DESC.*|SHOW.*|GET_.*");

        private final String owner;
        private final HiveAuthenticationProvider who;

        public Rights(HiveConf conf, HiveAuthenticationProvider who, HiveAuthzSessionContext session) {
            super(conf, who, session);
            this.owner = conf.getVar(HiveConf.ConfVars.USERS_IN_ADMIN_ROLE);
            this.who = who;
        }

        public void checkPrivileges(
            HiveOperationType what, List<HivePrivilegeObject> read, List<HivePrivilegeObject> written, HiveAuthzContext context
        ) throws HiveAuthzPluginException, HiveAccessControlException {
            super.checkPrivileges(what, read, written, context);
            boolean reads = READS.matcher(what.name()).matches() && (written == null || written.isEmpty());
            if (!reads && !owner.equals(who.getUserName())) {
                throw new HiveAccessControlException(DENIED);
            }
        }
    }
}
