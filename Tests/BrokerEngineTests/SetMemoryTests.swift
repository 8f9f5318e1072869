import BrokerEngine
import MessageFormat
import RemotingProtocol
import Testing

@Suite("What a broker remembers of its SyncStateSet")
struct SetMemoryTests {
    private func view(_ epoch: UInt32, _ setEpoch: Int32, _ members: [Int64]) -> GroupView {
        GroupView(
            masterBrokerID: 1, masterAddress: "a", masterReplicationAddress: "b",
            masterEpoch: Epoch(epoch),
            masterIncarnation: 7, syncStateSet: members, syncStateSetEpoch: setEpoch)
    }

    private func memory(knowing members: [Int64]) -> SetMemory<Int> {
        var memory = SetMemory<Int>(written: nil)
        memory.heard(self.view(1, 1, members), by: 1)
        _ = memory.nextWrite()
        _ = memory.wrote(true)
        return memory
    }

    @Test("a newer set is written down, an older one is not")
    func news() {
        var memory = self.memory(knowing: [1, 2])
        memory.heard(self.view(1, 0, [1, 2, 3]), by: 1)
        #expect(memory.nextWrite() == nil)
        memory.heard(self.view(1, 2, [1]), by: 1)
        #expect(memory.nextWrite()?.members == [1])
    }

    @Test("whom a master adds is on disk before it is told that it may ask")
    func additions() {
        var memory = self.memory(knowing: [1, 2])
        #expect(memory.add([1], waiter: 0) == true, "who leaves needs no writing")
        #expect(memory.add([1, 2, 3], waiter: 5) == nil)
        #expect(memory.nextWrite()?.members == [1, 2, 3])
        #expect(memory.nextWrite() == nil, "one write at a time")
        #expect(memory.wrote(true).map(\.waiter) == [5])
        #expect(memory.add([1, 2, 3], waiter: 6) == true)
    }

    @Test("who waits for a set that a newer one has replaced has asked too late")
    func replaced() {
        var memory = self.memory(knowing: [1, 2])
        #expect(memory.add([1, 2, 3], waiter: 5) == nil)
        _ = memory.nextWrite()
        memory.heard(self.view(2, 2, [1, 2]), by: 1)
        #expect(memory.wrote(true).isEmpty)
        #expect(memory.nextWrite()?.members == [1, 2])
        #expect(memory.wrote(true).map(\.isWritten) == [false])
    }

    @Test("what could not be written is not believed to be there")
    func failure() {
        var memory = self.memory(knowing: [1, 2])
        #expect(memory.add([1, 2, 3], waiter: 5) == nil)
        _ = memory.nextWrite()
        #expect(memory.wrote(false).map(\.isWritten) == [false])
        #expect(memory.add([1, 2, 3], waiter: 6) == nil, "it is written again")
        #expect(memory.nextWrite()?.members == [1, 2, 3])
        #expect(memory.wrote(true).map(\.isWritten) == [true])
    }

    @Test("an empty broker that forgetful controllers made master replaces no older memory")
    func earlierLife() {
        var memory = self.memory(knowing: [1, 2])
        var view = self.view(5, 5, [3])
        view.isFresh = true
        memory.heard(view, by: 1)
        #expect(memory.current?.members == [1, 2])
    }
}
