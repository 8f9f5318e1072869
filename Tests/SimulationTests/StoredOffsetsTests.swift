import Testing

@testable import Simulation

@Suite("What a group's stored offset cannot be below")
struct StoredOffsetsTests {
    private var stored = StoredOffsets()

    private mutating func floor() -> Int64? {
        let question = self.stored.asked()
        return self.stored.floor(question)
    }

    private mutating func commit(_ offset: Int64) {
        let write = self.stored.sent(offset)
        self.stored.acknowledged(write)
    }

    @Test("nothing is known of a group that stored nothing for certain")
    mutating func unknown() {
        #expect(self.floor() == nil)
        let write = self.stored.sent(5)
        #expect(self.floor() == nil)
        self.stored.answered(write)
        #expect(self.floor() == nil)
    }

    @Test("an acknowledged offset holds until another one is stored")
    mutating func acknowledged() {
        self.commit(32)
        #expect(self.floor() == 32)
        self.commit(37)
        #expect(self.floor() == 37)
    }

    /// One that asked where to begin before the other one's last commit.
    @Test("a member that is behind takes the group back with it")
    mutating func behind() {
        self.commit(37)
        let question = self.stored.asked()
        let write = self.stored.sent(32)
        #expect(self.stored.floor(question) == 32, "it may be stored before the answer")
        self.stored.acknowledged(write)
        #expect(self.floor() == 32)
        self.commit(40)
        #expect(self.floor() == 40)
    }

    @Test("of two on their way at once, either may be stored last")
    mutating func crossing() {
        let low = self.stored.sent(32)
        let high = self.stored.sent(37)
        self.stored.acknowledged(low)
        self.stored.acknowledged(high)
        #expect(self.floor() == 32)
        self.commit(37)
        #expect(self.floor() == 37)
    }

    @Test("what is acknowledged after the question does not bind the answer")
    mutating func later() {
        self.commit(32)
        let question = self.stored.asked()
        self.commit(37)
        #expect(self.stored.floor(question) == 32)
    }

    @Test("a commit without an answer may be stored later, until it is sent again")
    mutating func unanswered() {
        _ = self.stored.sent(10)
        self.commit(20)
        #expect(self.floor() == 10)
        self.commit(10)
        self.commit(20)
        #expect(self.floor() == 20)
    }

    @Test("what was answered without a promise is over with the next commit")
    mutating func answered() {
        self.commit(5)
        let write = self.stored.sent(3)
        self.stored.answered(write)
        #expect(self.floor() == 3)
        self.commit(8)
        #expect(self.floor() == 8)
    }

    @Test("a reset without an answer is over when a consumer was sent there")
    mutating func reset() {
        self.commit(20)
        _ = self.stored.sent(4, isReset: true)
        self.commit(4)
        self.commit(20)
        #expect(self.floor() == 4)
        self.stored.wasReset(to: 4)
        self.commit(20)
        #expect(self.floor() == 20)
    }

    @Test("of two resets to one offset, nobody knows which one a consumer followed")
    mutating func resets() {
        _ = self.stored.sent(4, isReset: true)
        _ = self.stored.sent(4, isReset: true)
        self.stored.wasReset(to: 4)
        self.commit(20)
        #expect(self.floor() == 4)
    }
}
