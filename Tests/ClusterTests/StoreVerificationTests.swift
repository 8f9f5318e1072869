import Foundation
import MessageFormat
import Storage
import Testing

@testable import Broker

/// Method: an empty log, and beside it what a broker of a group keeps.
@Suite("Verifying what a broker keeps of its group")
struct StoreVerificationTests {
    private let path = NSTemporaryDirectory() + "apus-store-\(UUID().uuidString)"
    private let identity = BrokerIdentity(
        clusterName: "DefaultCluster", brokerName: "broker-a", brokerID: 2)

    init() throws {
        let store = try LogStore.open(directory: self.path)
        try store.writeCheckpoint(
            LogCheckpoint(logID: store.logID, confirmed: .zero, masterEpoch: Epoch(1)))
        try store.replaceFile(BrokerIdentity.fileName, with: Array(self.identity.text.utf8))
        try CheckCode.write("code", for: self.identity, to: store)
        try store.replaceFile(
            SetMemoryFile.name,
            with: SealedText.seal("1#1#1,2"))
        store.close()
    }

    private func delete(_ name: String) throws {
        try FileManager.default.removeItem(atPath: "\(self.path)/\(name)")
    }

    @Test(
        "what is gone and takes no message with it is noted",
        arguments: ["confirmed", "brokerCheckCode", "syncStateSet"])
    func missing(name: String) throws {
        defer { try? FileManager.default.removeItem(atPath: self.path) }
        let whole = try StoreVerification.run(self.path)
        #expect(whole.damages == [])
        #expect(!whole.notes.contains { $0.hasPrefix(name) })
        try self.delete(name)
        let report = try StoreVerification.run(self.path)
        #expect(report.damages == [])
        #expect(report.notes.contains { $0.hasPrefix("\(name): not there") })
    }

    @Test("a check code without the identity that it belongs to is told")
    func noIdentity() throws {
        defer { try? FileManager.default.removeItem(atPath: self.path) }
        try self.delete(BrokerIdentity.fileName)
        let damages = try StoreVerification.run(self.path).damages
        #expect(damages.map(\.file) == [CheckCode.fileName])
        #expect(damages.first?.what.contains("brokerIdentity is missing") == true)
    }
}
