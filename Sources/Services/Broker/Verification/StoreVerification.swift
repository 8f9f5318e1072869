import BrokerEngine
import LogCore
import MessageFormat
import RemotingProtocol
package import Storage

/// What a stopped server's directory holds, and whether every byte of it is sound.
///
/// `Storage` reads the files; what a broker's engine and service keep in them is known here.
package enum StoreVerification {
    /// - Parameters:
    ///   - acknowledged: messages that must be in a broker's log.
    ///   - messagesMin: fewer messages in a broker's log are told like damage.
    package static func run(
        _ directory: String, acknowledged: AcknowledgedMessages = AcknowledgedMessages(),
        messagesMin: Int? = nil
    ) throws(StoreCheckFailure) -> StoreReport {
        guard !RaftCheck.isStore(directory) else { return try RaftCheck.run(directory) }
        var check = try StoreCheck(directory, rules: Self.rules, acknowledged: acknowledged)
        var report = try check.run(messagesMin: messagesMin)
        Self.noteMissing(&report)
        return report
    }

    /// What a broker with controllers has, as a rule: no message is lost with it.
    private static func noteMissing(_ report: inout StoreReport) {
        guard report.files.contains(BrokerIdentity.fileName) else { return }
        for name in ["confirmed", CheckCode.fileName, SetMemoryFile.name]
        where !report.files.contains(name) {
            let means =
                name == CheckCode.fileName
                ? "controllers that gave the broker its id for one do not let it in without it: "
                    + "restore it, or empty the directory to join as a new broker"
                : "the broker learns it anew"
            report.note("\(name): not there, as in stores of earlier versions; \(means)")
        }
    }

    private static var rules: StoreCheckRules {
        StoreCheckRules(
            snapshotEnd: BrokerEngine.snapshotEndKind,
            queueEnds: { kind, payload in
                guard kind == QueueSnapshot.recordKind else { return [] }
                var queues = QueueTable()
                try QueueSnapshot.apply(payload, to: &queues)
                return queues.all.map { (key: $0.key, end: $0.assignedEnd) }
            }, smallFiles: Self.smallFiles)
    }

    private static let smallFiles: [String: StoreCheckRules.SmallFile] = [
        BrokerIdentity.fileName: .init(
            means: "the broker does not start; restore the file: it says CLUSTER#BROKER#ID",
            problem: { bytes, _ in
                Self.identity(in: bytes) == nil ? "it does not say CLUSTER#BROKER#ID" : nil
            }),
        AppliedIdentity.fileName: .init(
            means: "the broker applies for another id",
            problem: { bytes, _ in
                AppliedIdentity(text: String(decoding: bytes, as: UTF8.self)) == nil
                    ? "it does not say CLUSTER#BROKER#ID#CODE" : nil
            }),
        CheckCode.fileName: .init(
            means: "the controllers do not take the broker for the one that has its id, or "
                + "\(BrokerIdentity.fileName) is wrong: restore both files",
            problem: { bytes, other in Self.problem(ofCheckCode: bytes, other) }),
        SetMemoryFile.name: .init(
            means: "the broker does not know any more who may hold what was acknowledged; that "
                + "matters only if the controllers lose their disks",
            problem: { bytes, _ in
                SetMemoryFile.parse(bytes) == nil ? "it cannot be understood" : nil
            }),
    ]

    private static func identity(in bytes: [UInt8]) -> BrokerIdentity? {
        BrokerIdentity(text: String(decoding: bytes, as: UTF8.self))
    }

    /// The identity's own file has no checksum; this one repeats it.
    private static func problem(
        ofCheckCode bytes: [UInt8], _ other: (String) -> [UInt8]?
    ) -> String? {
        guard let file = CheckCode.parse(bytes) else { return "it cannot be understood" }
        guard let identity = other(BrokerIdentity.fileName) else {
            return "it belongs to \(file.identity), but \(BrokerIdentity.fileName) is missing"
        }
        guard Self.identity(in: identity)?.text == file.identity else {
            return "it belongs to \(file.identity); \(BrokerIdentity.fileName) says otherwise"
        }
        return nil
    }
}
