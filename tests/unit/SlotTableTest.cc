// SlotTable: a stale name reaches nobody, whatever happened to the slot, and destructors may call
// back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tern/base/SlotTable.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "Randomness.h"

namespace tern {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SlotId, TheDefaultNamesNothing) {
  SlotTable<int> table;
  EXPECT_EQ(table.find(SlotId{}), nullptr);
  table.insert(1);
  EXPECT_EQ(table.find(SlotId{}), nullptr);
  table.erase(SlotId{});
  EXPECT_EQ(table.size(), 1U);
}

TEST(SlotId, FitsIntoSixtyFourBits) {
  constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
  for (const SlotId id : {SlotId{}, SlotId{1, 2}, SlotId{kMost, 1}, SlotId{0, kMost},
                          SlotId{kMost, kMost}, SlotId{0x80000000U, 0x80000000U}}) {
    EXPECT_EQ(SlotId::unpack(id.packed()), id);
  }
  EXPECT_EQ((SlotId{5, 7}.packed()), 0x0000000700000005U);
  EXPECT_NE((SlotId{5, 7}), (SlotId{7, 5}));
  EXPECT_NE((SlotId{5, 7}), (SlotId{5, 8}));
}

TEST(SlotTable, WhatWasInsertedIsFound) {
  SlotTable<std::string> table;
  EXPECT_EQ(table.size(), 0U);
  const SlotId a = table.insert("a");
  const SlotId b = table.insert("b");
  EXPECT_NE(a, b);
  EXPECT_EQ(table.size(), 2U);
  ASSERT_NE(table.find(a), nullptr);
  EXPECT_EQ(*table.find(a), "a");
  EXPECT_EQ(*table.find(b), "b");
  *table.find(a) = "changed";
  EXPECT_EQ(*table.find(a), "changed");
}

TEST(SlotTable, AStaleIdFindsAndErasesNobody) {
  SlotTable<std::string> table;
  const SlotId old = table.insert("old");
  table.erase(old);
  EXPECT_EQ(table.find(old), nullptr);
  EXPECT_EQ(table.size(), 0U);
  const SlotId heir = table.insert("heir");
  EXPECT_EQ(heir.index, old.index) << "the slot is used again";
  EXPECT_NE(heir, old);
  EXPECT_EQ(table.find(old), nullptr);
  table.erase(old);
  table.erase(old);
  ASSERT_NE(table.find(heir), nullptr);
  EXPECT_EQ(*table.find(heir), "heir");
  EXPECT_EQ(table.size(), 1U);
}

TEST(SlotTable, NoIdComesTwice) {
  SlotTable<int> table;
  std::map<std::uint64_t, int> seen;
  for (int i = 0; i < 1000; ++i) {
    const SlotId id = table.insert(i);
    EXPECT_EQ(++seen[id.packed()], 1);
    EXPECT_EQ(id.index, 0U);
    table.erase(id);
  }
}

TEST(SlotTable, AnIdOfAnotherTableIsNotFoundInASmallerOne) {
  SlotTable<int> small;
  small.insert(1);
  SlotTable<int> large;
  SlotId last;
  for (int i = 0; i < 1000; ++i) last = large.insert(i);
  EXPECT_EQ(small.find(last), nullptr);
  EXPECT_EQ(small.find({std::numeric_limits<std::uint32_t>::max(), 1}), nullptr);
  small.erase(last);
  EXPECT_EQ(small.size(), 1U);
}

TEST(SlotTable, AForeignIdIsFoundWhileItsOccupantIsThereAndNotBefore) {
  SlotTable<int> table;
  const SlotId first{0, 1};
  EXPECT_EQ(table.findForeign(SlotId{}), nullptr);
  EXPECT_EQ(table.findForeign(first), nullptr);
  ASSERT_EQ(table.insert(1), first);
  ASSERT_NE(table.findForeign(first), nullptr);
  EXPECT_EQ(*table.findForeign(first), 1);

  // Guessed, as by a peer that has seen the first: the slot is free, and will be given out so.
  const SlotId second{1, 1};
  EXPECT_EQ(table.findForeign(second), nullptr);
  ASSERT_EQ(table.insert(2), second);
  ASSERT_NE(table.findForeign(second), nullptr);
  EXPECT_EQ(*table.findForeign(second), 2);

  table.erase(first);
  const SlotId heir{0, 2};
  EXPECT_EQ(table.findForeign(first), nullptr);
  EXPECT_EQ(table.findForeign(heir), nullptr);
  ASSERT_EQ(table.insert(3), heir);
  EXPECT_EQ(table.findForeign(first), nullptr);
  ASSERT_NE(table.findForeign(heir), nullptr);
  EXPECT_EQ(*table.findForeign(heir), 3);
}

TEST(SlotTable, FreedSlotsAreUsedBeforeItGrows) {
  SlotTable<int> table;
  std::vector<SlotId> ids(100);
  for (SlotId& id : ids) id = table.insert(1);
  for (const SlotId id : ids) table.erase(id);
  for (int i = 0; i < 100; ++i) EXPECT_LT(table.insert(i).index, 100U);
  EXPECT_EQ(table.insert(100).index, 100U);
}

TEST(SlotTable, OccupantsKeepTheirAddressWhileItGrows) {
  SlotTable<int> table;
  const SlotId first = table.insert(42);
  const int* const address = table.find(first);
  std::vector<std::pair<SlotId, int*>> others;
  for (int i = 0; i < 10000; ++i) {
    const SlotId id = table.insert(i);
    others.emplace_back(id, table.find(id));
  }
  EXPECT_EQ(table.find(first), address);
  EXPECT_EQ(*address, 42);
  for (const auto& [id, where] : others) ASSERT_EQ(table.find(id), where);
}

TEST(SlotTable, ErasingDestroysTheOccupantAtOnce) {
  SlotTable<std::shared_ptr<int>> table;
  const auto value = std::make_shared<int>(1);
  const SlotId id = table.insert(value);
  EXPECT_EQ(value.use_count(), 2);
  table.erase(id);
  EXPECT_EQ(value.use_count(), 1);
  table.insert(value);
  EXPECT_EQ(value.use_count(), 2);
}

TEST(SlotTable, ItsEndDestroysAllOccupants) {
  const auto value = std::make_shared<int>(1);
  {
    SlotTable<std::shared_ptr<int>> table;
    for (int i = 0; i < 10; ++i) table.insert(value);
    EXPECT_EQ(value.use_count(), 11);
  }
  EXPECT_EQ(value.use_count(), 1);
}

TEST(SlotTable, HoldsWhatCanOnlyBeMoved) {
  SlotTable<std::unique_ptr<int>> table;
  const SlotId id = table.insert(std::make_unique<int>(7));
  EXPECT_EQ(**table.find(id), 7);
  table.erase(id);
  EXPECT_EQ(table.find(id), nullptr);
}

// --- destructors that call back ---

/// Calls a function as it dies.
class Farewell {
 public:
  explicit Farewell(std::function<void()> call) : call_(std::move(call)) {}
  Farewell(const Farewell&) = delete;
  Farewell& operator=(const Farewell&) = delete;
  ~Farewell() { call_(); }

 private:
  std::function<void()> call_;
};

using Farewells = SlotTable<std::unique_ptr<Farewell>>;

TEST(SlotTable, ADestructorSeesItselfGone) {
  Farewells table;
  SlotId id;
  bool called = false;
  id = table.insert(std::make_unique<Farewell>([&] {
    called = true;
    EXPECT_EQ(table.find(id), nullptr);
    EXPECT_EQ(table.size(), 0U);
    table.erase(id);
    EXPECT_EQ(table.size(), 0U);
  }));
  table.erase(id);
  EXPECT_TRUE(called);
}

TEST(SlotTable, ADestructorMayInsertIntoTheSlotItLeaves) {
  Farewells table;
  SlotId heir;
  const SlotId id = table.insert(std::make_unique<Farewell>([&] {
    heir = table.insert(std::make_unique<Farewell>([] {}));
    for (int i = 0; i < 1000; ++i) table.insert(nullptr);
  }));
  table.erase(id);
  EXPECT_EQ(heir.index, id.index);
  EXPECT_EQ(table.find(id), nullptr);
  ASSERT_NE(table.find(heir), nullptr);
  EXPECT_NE(*table.find(heir), nullptr) << "the heir was wiped";
  EXPECT_EQ(table.size(), 1001U);
  table.erase(heir);
  EXPECT_EQ(table.size(), 1000U);
}

TEST(SlotTable, DestructorsMayEraseEachOtherInAChain) {
  Farewells table;
  std::vector<SlotId> ids(50);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i] = table.insert(std::make_unique<Farewell>([&, i] {
      order.push_back(i);
      if (i + 1 < ids.size()) table.erase(ids[i + 1]);
      if (i > 0) table.erase(ids[i - 1]);
    }));
  }
  table.erase(ids[0]);
  EXPECT_EQ(order.size(), ids.size());
  EXPECT_EQ(table.size(), 0U);
  for (const SlotId id : ids) EXPECT_EQ(table.find(id), nullptr);
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_LT(table.insert(nullptr).index, ids.size());
}

// --- walking ---

std::vector<int> valuesOf(SlotTable<int>& table) {
  std::vector<int> values;
  table.forEach([&](SlotId id, int& value) {
    EXPECT_EQ(table.find(id), &value);
    values.push_back(value);
  });
  return values;
}

TEST(SlotTable, ForEachVisitsOccupantsOnly) {
  SlotTable<int> table;
  EXPECT_THAT(valuesOf(table), IsEmpty());
  const SlotId a = table.insert(1);
  const SlotId b = table.insert(2);
  table.insert(3);
  EXPECT_THAT(valuesOf(table), ElementsAre(1, 2, 3));
  table.erase(b);
  EXPECT_THAT(valuesOf(table), ElementsAre(1, 3));
  table.erase(a);
  table.insert(4);
  EXPECT_THAT(valuesOf(table), ElementsAre(4, 3));
}

TEST(SlotTable, ForEachMayEraseTheOneVisited) {
  SlotTable<int> table;
  for (int i = 0; i < 10; ++i) table.insert(i);
  int visited = 0;
  table.forEach([&](SlotId id, const int& value) {
    ++visited;
    if (value % 2 == 0) table.erase(id);
  });
  EXPECT_EQ(visited, 10);
  EXPECT_THAT(valuesOf(table), ElementsAre(1, 3, 5, 7, 9));
}

TEST(SlotTable, ForEachDoesNotVisitWhatItErasedAhead) {
  SlotTable<int> table;
  std::vector<SlotId> ids(6);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = table.insert(static_cast<int>(i));
  std::vector<int> visited;
  table.forEach([&](SlotId, const int& value) {
    visited.push_back(value);
    if (value == 1) {
      table.erase(ids[0]);  // behind
      table.erase(ids[2]);  // next
      table.erase(ids[5]);  // last
    }
  });
  EXPECT_THAT(visited, ElementsAre(0, 1, 3, 4));
  EXPECT_EQ(table.size(), 3U);
}

TEST(SlotTable, ForEachSurvivesDestructorsThatErase) {
  Farewells table;
  std::vector<SlotId> ids(20);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i] = table.insert(std::make_unique<Farewell>([&, i] {
      for (const std::size_t other : {(i + 7) % ids.size(), (i + 13) % ids.size()}) {
        table.erase(ids[other]);
      }
    }));
  }
  table.forEach([&](SlotId id, std::unique_ptr<Farewell>&) { table.erase(id); });
  EXPECT_EQ(table.size(), 0U);
}

TEST(SlotTable, BehavesLikeAMapUnderRandomOperations) {
  testing::Randomness random;
  SCOPED_TRACE("seed " + std::to_string(random.seed()));
  SlotTable<std::string> table;
  std::map<std::uint64_t, std::string> model;
  std::vector<SlotId> everGiven;
  for (int step = 0; step < 20000; ++step) {
    if (model.size() < 10 || random.oneIn(2)) {
      const std::string value = random.bytes(random.upTo(40));
      const SlotId id = table.insert(value);
      ASSERT_TRUE(model.emplace(id.packed(), value).second) << "two occupants of one name";
      everGiven.push_back(id);
    } else {
      const SlotId id = everGiven[random.upTo(everGiven.size() - 1)];
      table.erase(id);
      model.erase(id.packed());
    }
    const SlotId probe = everGiven[random.upTo(everGiven.size() - 1)];
    const std::string* found = table.find(probe);
    const auto expected = model.find(probe.packed());
    ASSERT_EQ(found != nullptr, expected != model.end());
    if (found != nullptr) {
      ASSERT_EQ(*found, expected->second);
    }
    ASSERT_EQ(table.size(), model.size());
  }
  std::size_t visited = 0;
  table.forEach([&](SlotId id, const std::string& value) {
    ++visited;
    EXPECT_EQ(model.at(id.packed()), value);
  });
  EXPECT_EQ(visited, model.size());
}

}  // namespace
}  // namespace tern
