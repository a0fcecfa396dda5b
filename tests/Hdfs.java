import java.net.InetAddress;
import java.net.ServerSocket;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.server.datanode.DataNode;
import org.apache.hadoop.hdfs.server.namenode.NameNode;
import org.apache.hadoop.metrics2.lib.DefaultMetricsSystem;

/**
 * Runs a NameNode and a DataNode in one process, on a new file system with a directory that everybody may write.
 *
 * It listens at the port that is its first argument once files can be written into the directory that is its second.
 */
public class Hdfs {
    public static void main(String[] args) {
        try {
            run(Integer.parseInt(args[0]), new Path(args[1]));
        } catch (Exception error) {
            error.printStackTrace();
            System.exit(1);
        }
    }

    private static void run(int port, Path place) throws Exception {
        // Formatting and running a NameNode count the same things.
        DefaultMetricsSystem.setMiniClusterMode(true);
        Configuration conf = new HdfsConfiguration();
        NameNode.format(conf);
        NameNode names = NameNode.createNameNode(new String[0], conf);
        DataNode.createDataNode(new String[0], conf);
        while (names.getNamesystem().getNumLiveDataNodes() == 0) {
            Thread.sleep(20);
        }
        FileSystem.mkdirs(FileSystem.get(conf), place, new FsPermission((short) 01777));
        new ServerSocket(port, 50, InetAddress.getLoopbackAddress());
        names.join();
    }
}
