import Broker
import BrokerEngine
import ConfigurationFormat
import ConfigurationSources
import Controller
import DeliveryCore
import Foundation
import LogCore
import NameServer
import Testing

/// What the three servers make of files, and what their pages say of it.
@Suite("the servers' settings")
struct ServerSettingsTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private func broker(_ text: String) throws -> ResolvedSettings<BrokerConfiguration> {
        try BrokerConfiguration.table.resolve(
            file: PropertiesFile(parsing: Array(text.utf8), name: "broker.conf"))
    }

    private func problem(_ text: String) throws -> String {
        let error = #expect(throws: ConfigurationProblems.self) { try self.broker(text) }
        return error?.description ?? ""
    }

    @Test("the node files have nothing to complain of")
    func nodeFiles() throws {
        func remarks<C>(_ table: SettingsTable<C>, _ name: String) throws -> [ConfigurationRemark] {
            let path = Self.root.appending(path: "cluster/\(name)").path
            return try table.resolve(file: ConfigurationFile.read(path)).remarks
        }
        #expect(try remarks(BrokerConfiguration.table, "broker.conf") == [])
        #expect(try remarks(BrokerConfiguration.table, "replica.conf") == [])
        #expect(try remarks(ControllerConfiguration.table, "controller.conf") == [])
        #expect(try remarks(NameServerConfiguration.table, "name-server.conf") == [])
    }

    @Test("a broker.conf that was made for RocketMQ is taken, and one line names what is idle")
    func fileForRocketMQ() throws {
        let settings = try self.broker(
            """
            brokerClusterName = DefaultCluster
            brokerName = broker-a
            brokerId = -1
            deleteWhen = 04
            fileReservedTime = 48
            brokerRole = SYNC_MASTER
            flushDiskType = ASYNC_FLUSH
            namesrvAddr=10.0.0.1:9876;10.0.0.2:9876
            controllerAddr=10.0.0.1:9878;10.0.0.2:9878
            enableControllerMode = true
            allAckInSyncStateSet = true
            inSyncReplicas = 1
            minInSyncReplicas = 2
            brokerIP1=10.0.0.5
            storePathRootDir=/data/store
            storePathCommitLog=/data/store/commitlog/
            mapedFileSizeCommitLog=1073741824
            maxMessageSize=65536
            waitTimeMillsInSendQueue=1000
            sendMessageThreadPoolNums=128
            transactionTimeOut=10000
            timerMaxDelaySec=259200
            """)
        #expect(
            settings.remarks == [
                ConfigurationRemark(
                    level: .info,
                    text: "broker.conf: keys of RocketMQ that mean nothing here: deleteWhen, "
                        + "sendMessageThreadPoolNums")
            ])
        let broker = settings.configuration
        #expect(broker.controllers == ["10.0.0.1:9878", "10.0.0.2:9878"])
        #expect(broker.reservedTime == .seconds(48 * 3_600))
        #expect(broker.segmentBytes == 1 << 30)
        #expect(broker.bodyBytesMax == 65_536)
        #expect(broker.transactionTimeout == .seconds(10))
        #expect(broker.delayMax == .seconds(3 * 86_400))
        #expect(broker.advertisedReplicationAddress == "10.0.0.5:10912")
        #expect(settings.text.contains("\nfileReservedTime=2d\n"))
    }

    @Test(
        "what is asked for and does not happen is told, and what would be another broker is refused"
    )
    func otherBrokers() throws {
        let settings = try self.broker("aclEnable=true\nstorePathCommitLog=/elsewhere")
        #expect(settings.remarks.map(\.level) == [.warning, .warning])
        #expect(settings.remarks.last?.text.contains("the log is in store/commitlog") == true)
        #expect(try self.problem("brokerRole=SLAVE").contains("controllerAddr"))
        #expect(try self.problem("enableDLegerCommitLog=true").contains("controllers"))
        #expect(try self.problem("brokerId=1").contains("leave it out"))
        #expect(try self.problem("enableControllerMode=true").contains("names no controllers"))
        #expect(try self.problem("messageDelayLevel=1s 2x").contains("messageDelayLevel: \"2x\""))
        #expect(try self.problem("brokerIP1=::1").contains("IPv4"))
        #expect(try self.problem("haListenPort=10911\ncontrollerAddr=a:1").contains("are both"))
    }

    @Test(
        "a group needs two copies unless minInSyncReplicas says otherwise; the larger word counts")
    func copies() throws {
        func copies(_ text: String) throws -> String? {
            try self.broker(text).effective.first { $0.key == "minInSyncReplicas" }?.value
        }
        let group = "controllerAddr=a:1\n"
        #expect(try copies("") == "1")
        #expect(try copies(group) == "2")
        #expect(try copies(group + "inSyncReplicas=1") == "2")
        #expect(try copies(group + "minInSyncReplicas=1") == "1")
        #expect(try copies(group + "minInSyncReplicas=1\ninSyncReplicas=3") == "3")
        #expect(try copies(group + "enableControllerMode=false") == "1")
        #expect(
            try self.broker(group + "enableControllerMode=false").configuration.controllers == [])
    }

    @Test("RocketMQ's words for metrics are those of the HTTP port")
    func metrics() throws {
        let text = """
            metricsExporterType=PROM
            metricsPromExporterPort=5557
            metricsPromExporterHost=0.0.0.0
            """
        let file = try PropertiesFile(parsing: Array(text.utf8), name: "a.conf")
        func check<C>(_ table: SettingsTable<C>) throws {
            let settings = try table.resolve(file: file)
            #expect(settings.remarks == [])
            let values = settings.effective.filter { $0.key.hasPrefix("http") }.map(\.value)
            #expect(values == ["5557", "0.0.0.0"])
        }
        try check(BrokerConfiguration.table)
        try check(ControllerConfiguration.table)
        try check(NameServerConfiguration.table)
        let others = try self.broker("metricsExporterType=OTLP_GRPC").remarks
        #expect(others.map(\.level) == [.warning])
        #expect(others.first?.text.contains("httpPort") == true)
    }

    @Test("settings reach the engine")
    func engine() throws {
        let settings = try self.broker(
            """
            messageDelayLevel=2s 4s
            timerPrecisionMs=1s
            defaultTopicQueueNums=3
            popFromRetryProbability=7
            syncFlushTimeout=9s
            fileReservedTime=2
            """
        ).configuration.settings(segmentBytes: 256 << 20)
        #expect(settings.delivery.delays.levels.delay(ofLevel: 9) == 4_000)
        #expect(settings.delivery.delays.precision == 1_000)
        #expect(settings.autoCreateQueues == 3)
        #expect(settings.retryFirstPercent == 7)
        #expect(settings.flushTimeout == .seconds(9))
        #expect(settings.retention.age == .seconds(7_200))
    }

    @Test("what is printed is read back as the same settings, without a remark")
    func printed() throws {
        func check<C>(_ table: SettingsTable<C>) throws {
            let settings = try table.resolve()
            let file = try PropertiesFile(parsing: Array(settings.text.utf8), name: "printed")
            let again = try table.resolve(file: file)
            #expect(again.effective.map(\.value) == settings.effective.map(\.value))
            #expect(again.remarks == [])
            #expect(file.entries.map(\.key) == table.settings.map(\.key))
        }
        try check(BrokerConfiguration.table)
        try check(ControllerConfiguration.table)
        try check(NameServerConfiguration.table)
    }

    @Test("each key has a row with its default in the operations page, and a variable of its own")
    func documented() throws {
        let page = try String(
            contentsOf: Self.root.appending(path: "docs/operations.md"), encoding: .utf8)
        func check<C>(_ table: SettingsTable<C>, _ heading: String) throws {
            let section = try #require(page.components(separatedBy: "\n### \(heading)\n").last)
            let rows = section.components(separatedBy: "\n#")[0].split(separator: "\n")
            for setting in try table.resolve().effective {
                let row = rows.first { $0.hasPrefix("| `\(setting.key)` |") }
                #expect(row != nil, "\(setting.key) has no row")
                guard let row, !setting.value.isEmpty else { continue }
                #expect(row.contains("| `\(setting.value)` |"), "the default of \(setting.key)")
            }
            let names = table.settings.flatMap { [$0.key] + $0.aliases }
            #expect(Set(names.map(EnvironmentName.of(key:))).count == names.count)
        }
        try check(BrokerConfiguration.table, "Of a broker")
        try check(ControllerConfiguration.table, "Of a controller")
        try check(NameServerConfiguration.table, "Of a name server")
    }

    @Test("a file that cannot be read is told by its name")
    func unreadable() {
        let directory = NSTemporaryDirectory()
        for (path, reason) in [
            ("/nowhere/broker.conf", "No such file or directory"), (directory, "Is a directory"),
        ] {
            let error = #expect(throws: ConfigurationProblem.self) {
                try ConfigurationFile.read(path)
            }
            #expect(error?.description == "\(path): cannot be read: \(reason)")
        }
    }
}
